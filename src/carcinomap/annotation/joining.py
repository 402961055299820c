"""Pieces of regions, traced block by block, become whole regions as soon as they can.

The blocks of an image come in reading order. Along every seam between two of them, pieces of one
value that share an edge belong to one region. A region is whole when none of its pieces waits
for a block that is still to come; only what waits is kept.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from carcinomap.annotation.vertices import with_points, without_points

Point = tuple[int, int]

Box = tuple[int, int, int, int]
"""Left, top, right and bottom."""


@dataclass(frozen=True)
class Region:
    """A connected region of one value; the polygon is in pixels, its corners whole numbers."""

    index: int
    polygon: Polygon


@dataclass(frozen=True)
class Piece(Region):
    """What of a region lies in one block.

    Attributes:
        cut: Whether it touches the border to another block.
    """

    cut: bool


@dataclass(frozen=True)
class Grid:
    """How an image is parted into blocks.

    Attributes:
        width: Of the image, in pixels.
        height: Of the image, in pixels.
        block: Side of the blocks; those at the right and at the bottom may be smaller.
    """

    width: int
    height: int
    block: int

    def box(self, row: int, column: int) -> Box:
        """Return where a block lies."""
        left, top = column * self.block, row * self.block
        right, bottom = left + self.block, top + self.block
        return left, top, min(right, self.width), min(bottom, self.height)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield row and column of the blocks in reading order."""
        return product(range(-(-self.height // self.block)), range(-(-self.width // self.block)))

    def __len__(self) -> int:
        return -(-self.height // self.block) * -(-self.width // self.block)


def cut(polygons: NDArray[Any], box: Box, width: int, height: int) -> NDArray[np.bool_]:
    """Say of polygons in a block whether they touch its border to another block.

    Args:
        polygons: (n,).
        box: Of the block.
        width: Of the image.
        height: Of the image.
    """
    left, top, right, bottom = box
    x0, y0, x1, y1 = shapely.bounds(polygons).T
    touching: NDArray[np.bool_] = (
        ((x0 == left) & (left > 0))
        | ((y0 == top) & (top > 0))
        | ((x1 == right) & (right < width))
        | ((y1 == bottom) & (bottom < height))
    )
    return touching


@dataclass
class _Group:
    """Pieces known to be of one region.

    Attributes:
        number: Of its first piece; groups that are whole at once come by number.
        index: The value.
        pieces: All so far.
        waiting: How many of its contacts wait for a block to come.
        corners: Points on seams where other regions meet at an edge of this one.
        straight: Points on seams where the outline crosses them and no third region begins.
        into: The group that it has become part of.
    """

    number: int
    index: int
    pieces: list[Polygon]
    waiting: int = 0
    corners: list[Point] = field(default_factory=list)
    straight: list[Point] = field(default_factory=list)
    into: "_Group | None" = None

    def find(self) -> "_Group":
        """Return the group that this one is part of by now."""
        group = self
        while group.into is not None:
            if group.into.into is not None:
                group.into = group.into.into
            group = group.into
        return group

    def join(self, other: "_Group") -> None:
        """Make two groups one."""
        large, small = self.find(), other.find()
        if large is small:
            return
        if len(large.pieces) < len(small.pieces):
            large, small = small, large
        small.into = large
        large.number = min(large.number, small.number)
        large.waiting += small.waiting
        large.pieces += small.pieces
        large.corners += small.corners
        large.straight += small.straight
        small.pieces, small.corners, small.straight = [], [], []

    def region(self) -> Region:
        """Return what the pieces are together, where they are all."""
        pieces = np.array(self.pieces)
        if self.corners:
            # Both sides of a seam have the same vertices: common edges cancel, and neighbours
            # of three regions agree on where they meet.
            pieces = with_points(pieces, np.array(self.corners))
        if len(pieces) > 1:
            pieces = shapely.get_parts(shapely.coverage_union_all(pieces))
        if self.straight:
            pieces = without_points(pieces, np.array(self.straight))
        (polygon,) = pieces
        return Region(self.index, polygon)


@dataclass(frozen=True)
class _Contact:
    """Where a piece lies along a seam, from ``start`` to ``end``."""

    start: int
    end: int
    group: _Group


Seam = tuple[int, int]
"""A line: 0 and its y if it is level, 1 and its x if it is upright."""


class Joiner:
    """Joins the pieces of one image.

    Args:
        grid: The blocks.
    """

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._waiting: dict[tuple[int, int], dict[Seam, list[_Contact]]] = {}
        self._count = 0

    @property
    def waiting(self) -> int:
        """How many regions wait for blocks to come."""
        contacts = (c for seams in self._waiting.values() for cs in seams.values() for c in cs)
        return len({id(contact.group.find()) for contact in contacts})

    def add(self, row: int, column: int, pieces: Iterable[Piece]) -> Iterator[Region]:
        """Take the pieces of a block; yield the regions that are whole."""
        yield from self._give_up(before=(row, column))
        left, top, right, bottom = self._grid.box(row, column)
        sides = ((1, left), (0, top), (1, right), (0, bottom))
        seams: dict[Seam, list[_Contact]] = {seam: [] for seam in sides}
        touched = []
        for piece in pieces:
            if not piece.cut:
                yield Region(piece.index, piece.polygon)
                continue
            self._count += 1
            group = _Group(self._count, piece.index, [piece.polygon])
            touched.append(group)
            corners = shapely.get_coordinates(piece.polygon.exterior).astype(np.int64)
            for seam in sides:
                seams[seam] += _contacts(corners, seam, group)
        for seam, theirs in self._waiting.pop((row, column), {}).items():
            self._meet(seam, theirs, seams[seam])
            touched += _let_go(theirs)
        if right < self._grid.width:
            self._wait((row, column + 1), (1, right), seams[1, right])
        if bottom < self._grid.height:
            self._wait((row + 1, column), (0, bottom), seams[0, bottom])
        yield from _whole(touched)

    def end(self) -> Iterator[Region]:
        """Yield what waited for blocks that did not come."""
        yield from self._give_up(before=(self._grid.height, 0))

    def _wait(self, block: tuple[int, int], seam: Seam, contacts: list[_Contact]) -> None:
        if contacts:
            self._waiting.setdefault(block, {})[seam] = contacts
        for contact in contacts:
            contact.group.find().waiting += 1

    def _give_up(self, before: tuple[int, int]) -> Iterator[Region]:
        """End the waiting for blocks that would have come earlier."""
        for block in sorted(block for block in self._waiting if block < before):
            seams = self._waiting.pop(block)
            yield from _whole([group for theirs in seams.values() for group in _let_go(theirs)])

    def _meet(self, seam: Seam, theirs: list[_Contact], mine: list[_Contact]) -> None:
        """Join what lies on both sides of a seam, and note which vertices belong on it."""
        places = sorted({place for each in (*theirs, *mine) for place in (each.start, each.end)})
        there, here = (_groups_between(places, contacts) for contacts in (theirs, mine))
        for one, other in zip(there, here, strict=True):
            if one and other and one.index == other.index:
                one.join(other)
        for place, *around in zip(places, pairwise(there), pairwise(here), strict=True):
            point = (seam[1], place) if seam[0] else (place, seam[1])
            for before, after in around:
                if before and before is after:
                    before.find().corners.append(point)
            # Where four blocks meet, a single seam does not tell.
            if place % self._grid.block and _indices(around[0]) == _indices(around[1]):
                for group in around[0]:
                    if group:
                        group.find().straight.append(point)


def _contacts(corners: NDArray[np.int64], seam: Seam, group: _Group) -> list[_Contact]:
    """Return where an outline (n, 2) lies along a seam."""
    upright, line = seam
    across, along = corners[:, 1 - upright], corners[:, upright]
    edges = np.flatnonzero((across[:-1] == line) & (across[1:] == line))
    ends = np.sort(np.stack((along[edges], along[edges + 1]), axis=1), axis=1)
    return [_Contact(start, end, group) for start, end in ends.tolist()]


def _groups_between(places: list[int], contacts: list[_Contact]) -> list[_Group | None]:
    """Return whose the seam is before the first place, from each to the next, and after all."""
    number = {place: i for i, place in enumerate(places)}
    groups: list[_Group | None] = [None] * (len(places) + 1)
    for contact in contacts:
        for i in range(number[contact.start], number[contact.end]):
            groups[i + 1] = contact.group
    return groups


def _indices(groups: tuple[_Group | None, ...]) -> list[int | None]:
    return [group.index if group else None for group in groups]


def _let_go(contacts: list[_Contact]) -> list[_Group]:
    """End the waiting of some contacts; return their groups."""
    groups = [contact.group.find() for contact in contacts]
    for group in groups:
        group.waiting -= 1
    return groups


def _whole(groups: Iterable[_Group]) -> Iterator[Region]:
    """Yield those regions among some groups that nothing can add to."""
    found = {group.number: group for group in (each.find() for each in groups)}
    for _, group in sorted(found.items()):
        if not group.waiting:
            yield group.region()


def join(blocks: Iterable[tuple[int, int, Iterable[Piece]]], grid: Grid) -> Iterator[Region]:
    """Join the pieces of all blocks.

    Args:
        blocks: Row, column and pieces, in reading order; blocks without pieces may be left out.
        grid: All blocks there are.

    Yields:
        Regions, each with the last block that it reaches or borders on.
    """
    joiner = Joiner(grid)
    for row, column, pieces in blocks:
        yield from joiner.add(row, column, pieces)
    yield from joiner.end()
