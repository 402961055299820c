"""Which tiles a slide needs, and in which order.

All lengths are pixels of the map. Tiles start on multiples of the network's stride, so that its
deep features fall on the same grid in every tile; tiles whose core has no tissue are left out.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from carcinomap.errors import InputError

CELL = 256
"""Side of the cells in which the map is blended, stored and written as TIFF tiles."""

STRIPE = 6
"""Tiles side by side in a stripe. A stripe is done from top to bottom before the next begins."""

Cell = tuple[int, int]
"""Row and column of a cell."""


@dataclass(frozen=True)
class Tile:
    """A square the network sees, by its top-left corner; it may reach beyond the map."""

    x: int
    y: int


@dataclass(frozen=True)
class TilePlan:
    """The tiles of one map, in the order in which they are done.

    Attributes:
        width: Of the map.
        height: Of the map.
        size: Side of every tile.
        tiles: What is to be done, stripe by stripe and row by row within a stripe, so that only
            a few rows of a stripe, and the seam to the next one, wait for their neighbours.
    """

    width: int
    height: int
    size: int
    tiles: tuple[Tile, ...]

    @classmethod
    def of(
        cls,
        width: int,
        height: int,
        tile: int,
        overlap: int,
        stride: int,
        wanted: Callable[[int, int, int, int], bool],
    ) -> "TilePlan":
        """Plan a map of ``width`` × ``height``.

        Args:
            width: Of the map.
            height: Of the map.
            tile: Side of the tiles; halved while the whole map fits into one tile. (Not fitted
                closer: a runtime prepares itself for every shape it meets.)
            overlap: What neighbouring tiles share at least.
            stride: Of the network.
            wanted: Says of a box (x, y, width, height) whether anything in it is to be mapped.
                The boxes asked for are the tiles' cores: they part the map between the tiles.

        Raises:
            InputError: ``tile`` or ``overlap`` is no multiple of the stride.
        """
        for name, value in (("tile", tile), ("overlap", overlap)):
            if value % stride:
                nearest = round(value / stride) * stride
                raise InputError(
                    f"--{name} {value}: must be a multiple of this network's stride of {stride}, "
                    f"such as {nearest or stride}"
                )
        size = tile
        while size % (2 * stride) == 0 and size // 2 >= max(width, height):
            size //= 2
        columns = _cores(_origins(width, size, overlap, stride), size, width)
        rows = _cores(_origins(height, size, overlap, stride), size, height)
        return cls(
            width,
            height,
            size,
            tuple(
                Tile(x, y)
                for first in range(0, len(columns), STRIPE)
                for y, top, bottom in rows
                for x, left, right in columns[first : first + STRIPE]
                if wanted(left, top, right - left, bottom - top)
            ),
        )

    def cells(self, tile: Tile) -> Iterator[Cell]:
        """Yield the cells of the map that a tile touches."""
        right = min(tile.x + self.size, self.width)
        bottom = min(tile.y + self.size, self.height)
        for row in range(tile.y // CELL, -(-bottom // CELL)):
            for column in range(tile.x // CELL, -(-right // CELL)):
                yield row, column


def _origins(length: int, size: int, overlap: int, stride: int) -> list[int]:
    """Spread as few tiles as will do evenly over a length.

    In units of the stride, n tiles i = 0 … n − 1 start at ⌊i · room / (n − 1)⌋. Two neighbours
    are at most ⌈room / (n − 1)⌉ ≤ size − overlap apart, so they share at least the overlap.
    """
    room = -(-max(0, length - size) // stride)
    if room == 0:
        return [0]
    steps = -(-room // ((size - overlap) // stride))
    return [i * room // steps * stride for i in range(steps + 1)]


def _cores(origins: list[int], size: int, length: int) -> list[tuple[int, int, int]]:
    """Return every tile's (origin, begin, end): cores meet in the middle of the overlaps."""
    between = [(a + size + b) // 2 for a, b in pairwise(origins)]
    return list(zip(origins, [0, *between], [*between, length], strict=True))
