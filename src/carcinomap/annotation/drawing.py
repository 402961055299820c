"""Draw areas as pixels.

A pixel belongs to an area that contains its centre. Drawn areas are then right on average at any
size; rules that paint every pixel an outline touches make small regions too large.

An area is drawn row by row: the line through the centres of a row enters and leaves it where it
crosses its outlines, and every second stretch between crossings is inside. All rings of all
areas are crossed with all rows at once, in a few passes over their coordinates.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import shapely

from carcinomap.annotation.geometry import Area

Bounds: TypeAlias = tuple[float, float, float, float]
Numbers: TypeAlias = npt.NDArray[np.int64]
Pixels: TypeAlias = npt.NDArray[np.uint8]

_CROSSINGS = 4_000_000  # at once: a hostile outline has as many as vertices × rows


@dataclass(frozen=True)
class Window:
    """A window of a slide, and the pixels it is drawn in.

    Attributes:
        x: Left edge in level-0 pixels.
        y: Upper edge in level-0 pixels.
        width: Columns of output pixels.
        height: Rows of output pixels.
        scale: Level-0 pixels per output pixel.
    """

    x: float
    y: float
    width: int
    height: int
    scale: float

    def bounds(self) -> Bounds:
        """Return (left, top, right, bottom) in level-0 pixels."""
        right, bottom = self.x + self.width * self.scale, self.y + self.height * self.scale
        return self.x, self.y, right, bottom

    def draw(self, areas: Iterable[tuple[Area, int]]) -> Pixels:
        """Paint areas over one another, in order.

        Args:
            areas: Each with the value of its pixels. They are valid: their rings do not cross.

        Returns:
            uint8 ``(height, width)``, 0 where there is no area. Where a centre lies exactly on
            an outline, the pixel belongs to the area on its right, or below.
        """
        pixels = np.zeros((self.height, self.width), np.uint8)
        areas = list(areas)
        if areas:
            outlines = _Outlines([area for area, _ in areas])
            values = np.array([value for _, value in areas], np.uint8)
            self._paint(pixels, 0, outlines, values)
        return pixels

    def _paint(self, pixels: Pixels, top: int, outlines: "_Outlines", values: Pixels) -> None:
        """Paint some rows, ``pixels``, of which ``top`` is the first."""
        height = len(pixels)
        # How many of the rows have their centres above a vertex: an edge crosses the difference.
        depths = np.ceil((outlines.y - self.y) / self.scale - 0.5) - top
        depths = np.clip(depths, 0, height).astype(np.int64)
        edges = np.flatnonzero((depths[:-1] != depths[1:]) & outlines.joined)
        begin, end = depths[edges], depths[edges + 1]
        counts = np.abs(end - begin)
        total = int(counts.sum())
        if total > _CROSSINGS and height > 1:
            half = height // 2
            self._paint(pixels[:half], top, outlines, values)
            self._paint(pixels[half:], top + half, outlines, values)
            return
        before = np.repeat(np.cumsum(counts) - counts, counts)
        rows = np.repeat(np.minimum(begin, end), counts) + np.arange(total) - before
        x = outlines.crossings(edges, counts, self.y + (top + rows + 0.5) * self.scale)
        columns = np.clip(np.ceil((x - self.x) / self.scale - 0.5), 0, self.width)
        owners = np.repeat(outlines.owners(edges), counts)
        _fill(pixels, owners, rows, columns.astype(np.int64), values)


class _Outlines:
    """The rings of some areas, end to end.

    Attributes:
        x: float64 ``(vertices,)``, level-0 pixels.
        y: float64 ``(vertices,)``, level-0 pixels.
        joined: bool ``(vertices - 1,)``: whether a vertex and the next are of one ring.
    """

    def __init__(self, areas: Sequence[Area]) -> None:
        polygons, owners = shapely.get_parts(areas, return_index=True)
        rings, sources = shapely.get_rings(polygons, return_index=True)
        self._owners = owners[sources]
        self._ends = np.cumsum(shapely.get_num_coordinates(rings))
        self.x, self.y = np.ascontiguousarray(shapely.get_coordinates(rings).T)
        self.joined = np.ones(len(self.x) - 1, bool)
        self.joined[self._ends[:-1] - 1] = False

    def owners(self, edges: Numbers) -> Numbers:
        """Return which area each edge is of; an edge has the number of its first vertex."""
        rings = np.searchsorted(self._ends, edges, side="right")
        return np.asarray(self._owners[rings], np.int64)

    def crossings(
        self, edges: Numbers, counts: Numbers, y: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Return x where each edge, ``counts`` times, is at the heights ``y``."""
        # From the upper end, so that an edge that two areas share is the same line to both.
        upper = edges + (self.y[edges] > self.y[edges + 1])
        lower = 2 * edges + 1 - upper
        x0, y0 = self.x[upper], self.y[upper]
        slope = (self.x[lower] - x0) / (self.y[lower] - y0)
        x0, y0, slope = (np.repeat(each, counts) for each in (x0, y0, slope))
        return np.asarray(x0 + (y - y0) * slope)


def _fill(pixels: Pixels, owners: Numbers, rows: Numbers, columns: Numbers, values: Pixels) -> None:
    """Fill every row of every area from each odd crossing to the next even one.

    Args:
        pixels: The rows.
        owners: Of each crossing the area.
        rows: Of each crossing the row.
        columns: Of each crossing the first column whose centre is not left of it.
        values: Of each area the value.
    """
    height, width = pixels.shape
    # Sorted by area, row and column, as one number.
    column_bits, row_bits = width.bit_length(), height.bit_length()
    keys = np.sort((owners << row_bits | rows) << column_bits | columns)
    begin, end = keys[0::2], keys[1::2]
    seen = begin < end
    begin, end = begin[seen], end[seen]
    lines = begin >> column_bits
    shift = (lines & (1 << row_bits) - 1) * width - (lines << column_bits)
    stretches = zip((begin + shift).tolist(), (end + shift).tolist(), strict=True)
    inks = values[lines >> row_bits].tolist()
    lines_of = {ink: bytes([ink]) * width for ink in set(inks)}
    flat = pixels.reshape(-1).data  # numpy takes twice as long for a slice as its buffer does
    for (first, last), ink in zip(stretches, inks, strict=True):
        flat[first:last] = lines_of[ink][: last - first]
