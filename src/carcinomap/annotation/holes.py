"""Cut drawn holes out of the regions they were drawn into."""

from collections import defaultdict
from collections.abc import Sequence

import shapely
from shapely import STRtree

from carcinomap.annotation.geometry import Area, only_areas

_MAJORITY = 0.5


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
    tree = STRtree(areas)
    cuts: dict[int, list[Area]] = defaultdict(list)
    strays = []
    for position, hole in enumerate(holes):
        owners = _owners(hole, areas, sorted(tree.query(hole)))
        for owner in owners:
            cuts[owner].append(hole)
        if not owners:
            strays.append(position)
    cut = list(areas)
    for owner, inside in cuts.items():
        cut[owner] = only_areas([shapely.difference(areas[owner], shapely.union_all(inside))])
    return cut, strays


def _owners(hole: Area, areas: Sequence[Area], near: Sequence[int]) -> list[int]:
    """Return which of the areas ``near`` a hole it is to be cut out of."""
    overlaps = {candidate: _overlap(hole, areas[candidate]) for candidate in near}
    around = [
        candidate
        for candidate, overlap in overlaps.items()
        if overlap > _MAJORITY * hole.area and areas[candidate].area > hole.area
    ]
    if around:
        return [min(around, key=lambda candidate: areas[candidate].area)]
    return [candidate for candidate, overlap in overlaps.items() if overlap > 0]


def _overlap(hole: Area, area: Area) -> float:
    shapely.prepare(area)  # most holes lie well inside, and a prepared area answers that at once
    if area.contains_properly(hole):
        return float(hole.area)
    return float(shapely.intersection(area, hole).area)
