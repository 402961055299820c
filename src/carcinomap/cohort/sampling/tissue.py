"""Tissue that nobody outlined."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.random import Generator
from numpy.typing import NDArray

from carcinomap.annotation import Area, ClassScheme, Window
from carcinomap.cohort.sampling.place import Place
from carcinomap.cohort.sources import PatchSource


@dataclass(frozen=True)
class BareTissue(Place):
    """The tissue of a slide that nobody outlined, not even as class 0.

    Attributes:
        bits: uint8 (rows, bytes): the pixels of the slide's mask where it is. A cohort has
            thousands of slides, and their masks themselves are kept already.
        rows: int64 (rows,): how many these are up to the end of every row.
        outlined: The slide's regions of class 0.
    """

    bits: NDArray[np.uint8]
    rows: NDArray[np.int64]
    outlined: tuple[Area, ...]

    def point(self, random: Generator) -> tuple[float, float]:
        """Return a level-0 point of it, all equally likely."""
        row = int(np.searchsorted(self.rows, random.integers(self.rows[-1]), side="right"))
        columns = np.flatnonzero(np.unpackbits(self.bits[row]))
        column = columns[random.integers(columns.size)]
        cell = self.source.tissue.mpp / self.source.mpp
        x, y = (column + random.random()) * cell, (row + random.random()) * cell
        return min(x, self.source.width - 1), min(y, self.source.height - 1)

    def holds(self, x: float, y: float) -> bool:
        """Say whether a level-0 point is tissue and lies in no region."""
        return super().holds(x, y) and not shapely.contains_xy(self.outlined, x, y).any()


def bare_tissue(sources: Sequence[PatchSource], scheme: ClassScheme) -> list[BareTissue]:
    """Return the tissue of all slides that have any, weighed by its area in µm²."""
    found = []
    for source in sources:
        polygons = source.annotations.polygons(scheme)
        outlined = tuple(area for index, area in polygons if index == 0)
        mask = _bare(source, scheme, outlined)
        rows = np.cumsum(mask.sum(axis=1))
        if rows[-1]:
            shapely.prepare(outlined)
            area = float(rows[-1]) * source.tissue.mpp**2
            bits = np.packbits(mask, axis=1)
            found.append(BareTissue(source, scheme, 0, area, bits, rows, outlined))
    return found


def _bare(source: PatchSource, scheme: ClassScheme, outlined: Sequence[Area]) -> NDArray[np.bool_]:
    """Return the pixels of a tissue mask whose centres nobody outlined."""
    rows, columns = source.tissue.shape
    cell = source.tissue.mpp / source.mpp
    label = source.annotations.label_image(0, 0, columns, rows, cell, scheme)
    class_0 = Window(0, 0, columns, rows, cell).draw((area, 1) for area in outlined)
    return np.asarray(source.tissue.mask & (label == 0) & (class_0 == 0))
