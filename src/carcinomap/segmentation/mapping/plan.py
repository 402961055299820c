"""Which tiles a slide needs, and in which order.

All lengths are pixels of the map. Tiles start on multiples of the network's stride, so that its
deep features fall on the same grid in every tile. They lie where the tissue is and not on a grid
of their own, which would cut tissue into more tiles than it fills.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

CELL = 256
"""Side of the cells in which the map is blended, stored and written as TIFF tiles."""

STRIPE = 6
"""Most tiles side by side in a stripe. A stripe is done before the next one begins."""

SEAM = 0.02  # what keeping the seam along a stripe costs, in tiles for each row of tiles

Cell = tuple[int, int]
"""Row and column of a cell."""

Wanted = Callable[[int, int, int, int], bool]
"""Says of a box (x, y, width, height) whether anything in it is to be mapped."""

Span = tuple[int, int]
"""Along an axis, the first one and the one after the last."""


@dataclass(frozen=True)
class Tile:
    """A rectangle the network sees, from its top-left corner; it may reach beyond the map."""

    x: int
    y: int
    width: int
    height: int

    @property
    def pixels(self) -> int:
        """How many it has."""
        return self.width * self.height


@dataclass(frozen=True)
class TilePlan:
    """The tiles of one map, in the order in which they are done.

    What is wanted lies in the cores of the tiles: the core ends half an overlap before the tile
    does, or with the map. So tiles whose cores meet share at least the overlap.

    Attributes:
        width: Of the map.
        height: Of the map.
        size: Longest side of a tile, and either side of all that are not fitted to the tissue.
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
        wanted: Wanted,
        fitted: bool = False,
        least: int = 0,
    ) -> "TilePlan":
        """Plan a map of ``width`` × ``height``.

        Args:
            width: Of the map.
            height: Of the map.
            tile: Side of the tiles, rounded up to the stride. A map that fits into a smaller one
                gets the smallest that is the stride times a power of two.
            overlap: What neighbouring tiles share at least, rounded up to the stride; never more
                than half a tile.
            stride: Of the network.
            wanted: Asked about boxes of any size within the map.
            fitted: Tiles are no larger than what is wanted needs. Else all are squares of one
                size, for runtimes that have to prepare themselves for every shape they meet.
            least: Side below which no map makes the tiles smaller.
        """
        size = -(-tile // stride) * stride
        power = 2 ** (-(-max(width, height) // stride) - 1).bit_length()
        size = max(min(size, stride * power), least)
        overlap = min(-(-overlap // stride), size // stride // 2) * stride
        x, y = (_Axis(length, size, overlap, stride, fitted) for length in (width, height))
        tiles = _cheapest(x, y, wanted)
        return cls(width, height, size, tuple(tiles))

    def cells(self, tile: Tile) -> Iterator[Cell]:
        """Yield the cells of the map that a tile touches."""
        right = min(tile.x + tile.width, self.width)
        bottom = min(tile.y + tile.height, self.height)
        for row in range(tile.y // CELL, -(-bottom // CELL)):
            for column in range(tile.x // CELL, -(-right // CELL)):
                yield row, column


@dataclass(frozen=True)
class _Axis:
    """Width or height of a map in steps of the stride.

    A tile that starts at stride i has the steps i … i + reach − 1 as its core. Steps therefore
    lie half an overlap off the multiples of the stride; the outermost ones go on to the border.
    """

    length: int
    size: int
    overlap: int
    stride: int
    fitted: bool

    @property
    def reach(self) -> int:
        """Steps in a core."""
        return (self.size - self.overlap) // self.stride

    @property
    def steps(self) -> int:
        """Steps in the map."""
        return self._last + self.reach

    @property
    def _last(self) -> int:
        """First stride at which a tile reaches the map's end."""
        return -(-max(0, self.length - self.size) // self.stride)

    def pixels(self, span: Span) -> Span:
        """Return a span of steps in pixels."""
        begin, end = (min(step * self.stride + self.overlap // 2, self.length) for step in span)
        return 0 if span[0] == 0 else begin, self.length if span[1] == self.steps else end

    def tile(self, span: Span) -> Span:
        """Return from where to where a tile goes that has a span of steps in its core."""
        begin, end = span
        if self.fitted:
            whole = -(-self.length // self.stride) * self.stride
            return begin * self.stride, min(end * self.stride + self.overlap, whole)
        # The span lies in the middle of the core, as far as the map goes.
        origin = min(max(0, begin - (self.reach - (end - begin)) // 2), self._last) * self.stride
        return origin, origin + self.size


def _cheapest(x: _Axis, y: _Axis, wanted: Wanted) -> list[Tile]:
    """Return the tiles of the plan with fewest pixels, of stripes of every width."""

    def any_in(columns: Span, rows: Span) -> bool:
        (left, right), (top, bottom) = x.pixels(columns), y.pixels(rows)
        return left < right and top < bottom and wanted(left, top, right - left, bottom - top)

    # At the end of a map, squares of two stripes may come to lie on one place.
    plans = {
        across: list(dict.fromkeys(_tiles(x, y, across, any_in))) for across in range(STRIPE, 0, -1)
    }

    def cost(across: int) -> float:
        return sum(tile.pixels for tile in plans[across]) * (1 + SEAM / across)

    return plans[min(plans, key=cost)]


def _tiles(x: _Axis, y: _Axis, across: int, any_in: Callable[[Span, Span], bool]) -> Iterator[Tile]:
    """Yield the tiles in stripes, each of which begins where something is wanted.

    So does each row of tiles in a stripe, and each tile in a row.

    Args:
        x: The map's width.
        y: The map's height.
        across: Most tiles side by side in a stripe.
        any_in: Whether anything is wanted in these columns and rows, in steps.
    """

    def rows_of(stripe: Span) -> Iterator[Span]:
        return _parts((0, y.steps), y.reach, lambda rows: any_in(stripe, rows))

    def columns_of(stripe: Span, rows: Span) -> Iterator[Span]:
        return _parts(stripe, x.reach, lambda columns: any_in(columns, rows))

    def anywhere(columns: Span) -> bool:
        return any_in(columns, (0, y.steps))

    for stripe in _stripes((0, x.steps), across * x.reach, anywhere):
        for rows in rows_of(stripe):
            for columns in columns_of(stripe, rows):
                (left, right), (top, bottom) = x.tile(columns), y.tile(rows)
                yield Tile(left, top, right - left, bottom - top)


def _stripes(span: Span, most: int, wanted: Callable[[Span], bool]) -> Iterator[Span]:
    """Yield as few parts as will do, each but the last of those that adjoin as long as may be."""
    for begin, end in _runs(span, most, wanted):
        for start in range(begin, end, most):
            yield start, min(start + most, end)


def _parts(span: Span, most: int, wanted: Callable[[Span], bool]) -> Iterator[Span]:
    """Yield as few parts as will do, those that adjoin of one length to a step."""
    for begin, end in _runs(span, most, wanted):
        count = -(-(end - begin) // most)
        yield from pairwise(begin + (end - begin) * i // count for i in range(count + 1))


def _runs(span: Span, most: int, wanted: Callable[[Span], bool]) -> Iterator[Span]:
    """Yield what parts that are at most so long and hold all that is wanted have to cover.

    A run ends where a part of full length meets a gap; the next one begins behind the gap.
    """
    begin, end = span
    while begin < end:
        stop = min(begin + most, end)
        if not wanted((begin, stop)):
            begin = stop
            continue
        begin += bisect_left(range(begin, stop), True, key=lambda i: wanted((begin, i + 1)))
        stop = min(begin + most, end)
        while stop < end and wanted((stop, stop + 1)):
            stop = min(stop + most, end)
        rest = range(max(begin, stop - most) + 1, stop)  # the last part begins with something
        yield begin, rest.start + bisect_left(rest, True, key=lambda i: not wanted((i, stop)))
        begin = stop
