"""Cut drawn holes out of the regions they were drawn into, and find out which are whose."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from shapely import Polygon, STRtree

from carcinomap.annotation.geometry import GRID, Area, only_areas

_MAJORITY = 0.5
_LARGER = 1 + 1e-8  # by how much an area must be, lest rounding makes what fills a hole its owner
_ROUNDING = 1e-10  # relative; areas that differ by less may come out either way
_ROUNDS = 4
_FREE_COMPARISONS = 200_000
_COMPARISONS_PER_AREA = 20
_PAIRS_AT_ONCE = 10_000_000


def cut_holes(areas: Sequence[Area], holes: Sequence[Area]) -> tuple[list[Area], list[int]]:
    """Cut each hole out of the smallest area that contains most of it.

    Most of it, because holes are drawn by hand and stick out a little. An area smaller than the
    hole is an island inside it, not what it is cut from. Where no single area contains most of a
    hole, it is cut out of all that it overlaps.

    Args:
        areas: Regions of one layer.
        holes: Holes of the same layer, in any order.

    Returns:
        The areas in the same order, some perhaps empty now, and the positions of the holes that
        lie in no area.
    """
    index = _Index(areas)
    cuts: dict[int, list[Area]] = defaultdict(list)
    strays = []
    for position, hole in enumerate(holes):
        owner = next(index.around(hole), None)
        owners = index.overlapped(hole) if owner is None else [owner]
        for one in owners:
            cuts[one].append(hole)
        if not owners:
            strays.append(position)
    return _without(areas, cuts), strays


def cut_nested(areas: Sequence[Area], labels: Sequence[str]) -> tuple[list[Area], list[int]]:
    """Cut areas that lie inside others of their label out of them: even–odd.

    An area that lies mostly inside a larger one of the same label is a hole of it, one inside
    that hole an area again, and so on. An area of another label lies on top and is no hole. One
    without any label, as holes often are, counts as one of whatever it lies in.

    Args:
        areas: Regions of one layer, none of them empty.
        labels: Of each area.

    Returns:
        The areas in the same order, and the positions of those that are holes.
    """
    index = _Index(areas)
    names = list(labels)
    depths = [0] * len(areas)
    cuts: dict[int, list[Area]] = defaultdict(list)
    for position in np.argsort(-index.sizes, kind="stable"):
        around = index.around(areas[position])
        owner = next((at for at in around if names[position] in ("", names[at])), None)
        if owner is not None:
            names[position] = names[owner]
            depths[position] = depths[owner] + 1
            if depths[position] % 2:
                cuts[owner].append(areas[position])
    return _without(areas, cuts), [at for at, depth in enumerate(depths) if depth % 2]


class _Index:
    """Finds what lies around or below an area, as often as drawings of people make sense of it.

    When that is used up, nothing is found any more: thousands of areas, each over thousands of
    others, would take hours.
    """

    def __init__(self, areas: Sequence[Area]) -> None:
        self.sizes: npt.NDArray[np.float64] = shapely.area(list(areas))
        self._areas = areas
        self._tree = STRtree(areas)
        self._comparisons_left = _FREE_COMPARISONS + _COMPARISONS_PER_AREA * len(areas)

    def around(self, area: Area) -> Iterator[int]:
        """Yield the larger areas that contain most of one, smallest first."""
        near = self._tree.query(area)
        larger = near[self.sizes[near] > area.area * _LARGER]
        for candidate in larger[np.lexsort((larger, self.sizes[larger]))]:
            if self._overlap(area, candidate) > _MAJORITY * area.area:
                yield int(candidate)

    def overlapped(self, area: Area) -> list[int]:
        """Return the areas that overlap one."""
        return [int(one) for one in self._tree.query(area) if self._overlap(area, one) > 0]

    def _overlap(self, area: Area, candidate: int) -> float:
        if self._comparisons_left == 0:
            return 0.0
        self._comparisons_left -= 1
        other = self._areas[candidate]
        shapely.prepare(other)  # most lie well inside, and a prepared area answers that at once
        if other.contains_properly(area):
            return float(area.area)
        return float(shapely.intersection(other, area).area)


def _without(areas: Sequence[Area], cuts: dict[int, list[Area]]) -> list[Area]:
    cut = list(areas)
    for owner, inside in cuts.items():
        cut[owner] = only_areas([shapely.difference(areas[owner], shapely.union_all(inside))])
    return cut


@dataclass(frozen=True)
class Rivalry:
    """A hole that ``cut_holes`` would cut out of another area than the one it is in.

    Attributes:
        owner: Position of the area whose hole it is.
        rival: Position of the area that it would be cut out of.
        hole: The hole.
    """

    owner: int
    rival: int
    hole: Polygon


def rivalries(areas: Iterable[Area]) -> list[Rivalry]:
    """Return which holes would not come back to their areas.

    That is, if the outlines of all areas and of all their holes were drawn in one layer and read
    again through ``cut_holes``. Where it is a matter of rounding, they count.
    """
    parts, owners = shapely.get_parts(list(areas), return_index=True)
    rings, at = shapely.get_rings(parts, return_index=True)
    outer = np.diff(at, prepend=-1) > 0
    outlines, holes = shapely.polygons(rings[outer]), shapely.polygons(rings[~outer])
    at = at[~outer]
    sizes, hole_sizes = shapely.area(outlines), shapely.area(holes)
    tree = STRtree(outlines)
    found = []
    at_once = max(1, _PAIRS_AT_ONCE // max(1, len(outlines)))
    for start in range(0, len(holes), at_once):
        hole, other = tree.query(holes[start : start + at_once])
        hole += start
        possible = (
            (owners[at[hole]] != owners[other])
            & (sizes[other] > hole_sizes[hole] * _LARGER * (1 - _ROUNDING))
            & (sizes[other] < sizes[at[hole]] * (1 + _ROUNDING))
        )
        hole, other = hole[possible], other[possible]
        overlaps = shapely.area(shapely.intersection(holes[hole], outlines[other]))
        rivals = overlaps > _MAJORITY * hole_sizes[hole] * (1 - _ROUNDING)
        for h, o in zip(hole[rivals], other[rivals], strict=True):
            found.append(Rivalry(int(owners[at[h]]), int(owners[o]), holes[h]))
    return found


def cut_open(areas: Iterable[Area]) -> tuple[list[Area], int, int]:
    """Cut areas apart through those of their holes that would not come back to them.

    The pieces of an area cover what it did, but have no such holes any more.

    Returns:
        The areas, how many holes were cut through, and how many could not be helped.
    """
    opened = list(areas)
    count = 0
    for _ in range(_ROUNDS):  # a piece may take a hole of another area that the whole did not
        holes: dict[int, set[Polygon]] = defaultdict(set)
        for rivalry in rivalries(opened):
            holes[rivalry.owner].add(rivalry.hole)
        for owner, inside in holes.items():
            middles = {sum(hole.bounds[::2]) // (2 * GRID) * GRID for hole in inside}
            opened[owner] = only_areas(_sliced(opened[owner], sorted(middles)))
            count += len(inside)
        if not holes:
            return opened, count, 0
    return opened, count, len({rivalry.hole for rivalry in rivalries(opened)})


def _sliced(area: Area, at: Sequence[float]) -> list[Area]:
    """Return the pieces of an area between some vertical lines, given from left to right."""
    if not at or area.is_empty:
        return [area]
    middle = len(at) // 2
    left, low, right, high = area.bounds
    pieces = []
    for x_from, x_to, rest in (
        (left, at[middle], at[:middle]),
        (at[middle], right, at[middle + 1 :]),
    ):
        half = shapely.box(min(x_from, x_to), low, max(x_from, x_to), high)
        piece = only_areas([shapely.intersection(area, half, grid_size=GRID)])
        pieces.extend(_sliced(piece, rest))
    return pieces
