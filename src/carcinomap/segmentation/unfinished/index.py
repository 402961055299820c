"""Where each record of a log is.

A large map has hundreds of thousands of cells. Two numbers for each, side by side, take a tenth of
the memory that as many tuples do.
"""

from array import array
from collections.abc import Iterator

from carcinomap.segmentation.mapping.plan import Cell

Key = tuple[int, int, int]
"""Level (or what stands in its place), row and column."""

SIDE_BY_SIDE = 64
"""Records of a row whose places are kept together."""


class Index:
    """Start and length of every record of a log, by key; no record begins at 0."""

    def __init__(self) -> None:
        # Start and length in turn; a start of 0 where there is no record.
        self._strips: dict[Key, array[int]] = {}

    def __setitem__(self, key: Key, place: tuple[int, int]) -> None:
        strip, at = _place_of(key)
        if strip not in self._strips:
            self._strips[strip] = array("q", bytes(16 * SIDE_BY_SIDE))
        self._strips[strip][at : at + 2] = array("q", place)

    def get(self, key: Key) -> tuple[int, int] | None:
        """Return the start and the length of a record, or None where there is none."""
        strip, at = _place_of(key)
        places = self._strips.get(strip)
        return (places[at], places[at + 1]) if places and places[at] else None

    def __contains__(self, key: Key) -> bool:
        return self.get(key) is not None

    @property
    def levels(self) -> set[int]:
        """The levels of which there are records."""
        return {level for level, _, _ in self._strips}

    def records(self, level: int) -> Iterator[tuple[Cell, int]]:
        """Return row and column, and length, of the records of a level, in reading order.

        Those that come after the call may be among them.
        """
        strips = sorted(strip for strip in self._strips if strip[0] == level)
        return (
            ((strip[1], strip[2] * SIDE_BY_SIDE + number), length)
            for strip in strips
            for number, (start, length) in enumerate(_pairs(self._strips[strip]))
            if start
        )


def _place_of(key: Key) -> tuple[Key, int]:
    """Return which strip a key is in, and where its start is in there."""
    level, row, column = key
    return (level, row, column // SIDE_BY_SIDE), column % SIDE_BY_SIDE * 2


def _pairs(places: "array[int]") -> Iterator[tuple[int, int]]:
    return zip(places[::2], places[1::2], strict=True)
