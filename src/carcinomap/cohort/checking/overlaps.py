"""Where regions of different classes lie over one another.

A region within a larger one is painted on top of it on purpose, and is no mistake as long as it
comes later in the file. Regions that share only a part are: two people drew the same border.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from shapely import Polygon, STRtree

from carcinomap.annotation import IGNORE, Area

_NESTED = 0.99  # share of the smaller region from which on it lies within the other
_MOST_PAIRS = 500_000  # a hostile file has as many as the square of its regions


@dataclass(frozen=True)
class Overlaps:
    """Regions of two classes that share area.

    Attributes:
        below: Class index of the regions painted first.
        above: Class index of the regions painted over them.
        count: How many pairs of regions.
        area: What they share together, in px².
        place: Level-0 position of a point in the largest share.
    """

    below: int
    above: int
    count: int
    area: float
    place: tuple[float, float]


def find_overlaps(
    polygons: Sequence[tuple[int, Area]], least: float = 0.01
) -> tuple[list[Overlaps], list[Overlaps]]:
    """Find regions of different classes that lie over one another though they should not.

    Args:
        polygons: Class index and area, in the order in which they are painted.
        least: Share of the smaller region up to which an overlap is no more than a hand's
            unsteadiness.

    Returns:
        Those that overlap in part, and those of which the lower is hidden wholly; for every two
        classes one entry. Of a file with more than 500,000 pairs near each other, only the
        first are looked at.
    """
    classes = np.array([index for index, _ in polygons])
    areas = np.array([area for _, area in polygons], object)
    below, above = _pairs(classes, areas)
    size = shapely.area(areas)
    swap = size[below] < size[above]
    larger, smaller = np.where(swap, above, below), np.where(swap, below, above)
    shared = _shared(areas, larger, smaller)
    shares = shapely.area(shared)
    nested = shares > _NESTED * size[smaller]
    hidden = nested & (size[below] <= size[above])
    partial = (shares > least * size[smaller]) & ~nested

    def gathered(chosen: npt.NDArray[np.bool_]) -> list[Overlaps]:
        found: dict[tuple[int, int], list[int]] = {}
        for pair in np.flatnonzero(chosen).tolist():
            kinds = int(classes[below[pair]]), int(classes[above[pair]])
            found.setdefault(kinds, []).append(pair)
        return [
            Overlaps(*kinds, len(pairs), float(shares[pairs].sum()), _middle(shared, shares, pairs))
            for kinds, pairs in sorted(found.items())
        ]

    return gathered(partial), gathered(hidden)


def _pairs(
    classes: npt.NDArray[np.int64], areas: npt.NDArray[np.object_]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the positions of regions of different classes that are near: the lower, the upper."""
    tree = STRtree(areas)
    below: list[npt.NDArray[np.int64]] = []
    above: list[npt.NDArray[np.int64]] = []
    count = 0
    for position in np.flatnonzero(classes != IGNORE).tolist():
        near = np.sort(tree.query(areas[position]))
        near = near[(near > position) & (classes[near] != classes[position])]
        near = near[classes[near] != IGNORE]
        below.append(np.full(len(near), position))
        above.append(near)
        count += len(near)
        if count > _MOST_PAIRS:
            break
    none = np.empty(0, np.int64)
    return np.concatenate([none, *below]), np.concatenate([none, *above])


def _shared(
    areas: npt.NDArray[np.object_], larger: npt.NDArray[np.int64], smaller: npt.NDArray[np.int64]
) -> npt.NDArray[np.object_]:
    """Return what each pair shares.

    Most pairs are apart or nested, which prepared geometries tell quickly; to intersect an outline
    of 100,000 vertices with each of the thousand regions in it takes long.
    """
    shapely.prepare(areas)
    shared = areas[smaller]
    shared[~shapely.intersects(areas[larger], areas[smaller])] = Polygon()
    rest = ~shapely.is_empty(shared) & ~shapely.contains(areas[larger], areas[smaller])
    shared[rest] = shapely.intersection(areas[larger[rest]], areas[smaller[rest]])
    return shared


def _middle(
    shared: npt.NDArray[np.object_], shares: npt.NDArray[np.float64], pairs: list[int]
) -> tuple[float, float]:
    largest = max(pairs, key=lambda pair: shares[pair])
    point = shapely.point_on_surface(shared[largest])
    return float(point.x), float(point.y)
