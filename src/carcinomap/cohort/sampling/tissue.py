"""Tissue that nobody outlined."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.random import Generator
from numpy.typing import NDArray

from carcinomap.annotation import Area, ClassScheme, Window
from carcinomap.cohort.sampling.place import Place
from carcinomap.cohort.sources import Block, PatchSource
from carcinomap.slide import View


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


def bare_tissue(
    sources: Sequence[PatchSource], scheme: ClassScheme, view: View
) -> list[BareTissue]:
    """Collect such tissue where a patch may be centred; weighed by its area in µm²."""
    found = []
    for source in sources:
        polygons = source.annotations.polygons(scheme)
        outlined = tuple(area for index, area in polygons if index == 0)
        mask = _unlabelled(source, scheme, outlined)
        mask &= _allowed(source, view.size * view.mpp / source.mpp / 2)
        rows = np.cumsum(mask.sum(axis=1))
        if rows[-1]:
            shapely.prepare(outlined)
            area = float(rows[-1]) * source.tissue.mpp**2
            bits = np.packbits(mask, axis=1)
            found.append(BareTissue(source, scheme, 0, area, bits, rows, outlined))
    return found


def _unlabelled(
    source: PatchSource, scheme: ClassScheme, outlined: Sequence[Area]
) -> NDArray[np.bool_]:
    """Return the pixels of a tissue mask whose centres nobody outlined."""
    rows, columns = source.tissue.shape
    cell = source.tissue.mpp / source.mpp
    label = source.annotations.label_image(0, 0, columns, rows, cell, scheme)
    class_0 = Window(0, 0, columns, rows, cell).draw((area, 1) for area in outlined)
    return np.asarray(source.tissue.mask & (label == 0) & (class_0 == 0))


def _allowed(source: PatchSource, half: float) -> NDArray[np.bool_]:
    """Return the pixels of a tissue mask where the source allows a patch."""
    rows, columns = source.tissue.shape
    cell = source.tissue.mpp / source.mpp
    x, y = (np.arange(columns) + 0.5) * cell, (np.arange(rows) + 0.5) * cell
    mask = np.ones((rows, columns), bool)
    if source.inside is not None:
        mask &= _in_block(source.inside.grown(-half), x, y)
    if source.outside is not None:
        mask &= ~_in_block(source.outside.grown(half), x, y)
    return mask


def _in_block(
    block: Block, x: NDArray[np.floating[Any]], y: NDArray[np.floating[Any]]
) -> NDArray[np.bool_]:
    down, across = (y >= block.top) & (y < block.bottom), (x >= block.left) & (x < block.right)
    return np.asarray(down[:, None] & across)
