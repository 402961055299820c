"""Vertices of polygons whose corners are whole numbers: put between others, or taken out."""

from typing import Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray

Points: TypeAlias = NDArray[np.int64]
"""Points (n, 2): x, y."""

_ROOM = 1 << 31  # of a coordinate in the number that holds both


def with_points(polygons: NDArray[Any], points: Points) -> NDArray[Any]:
    """Give upright and level edges those of some points that lie on them.

    Args:
        polygons: (n,), at least one.
        points: In any order, each as often as it likes.
    """
    kind, corners, (rings, parts) = shapely.to_ragged_array(polygons)
    whole = corners.astype(np.int64)
    columns, rows = (np.unique(_keys(points, along)) for along in (1, 0))
    first, count = (np.zeros(len(whole), np.int64) for _ in "fc")
    for along, keys, offset in ((1, columns, 0), (0, rows, len(columns))):
        places, across = _keys(whole, along), whole[:, 1 - along]
        begin = np.searchsorted(keys, np.minimum(places[:-1], places[1:]), "right")
        end = np.searchsorted(keys, np.maximum(places[:-1], places[1:]), "left")
        edge = np.flatnonzero((across[:-1] == across[1:]) & (begin < end))
        first[edge], count[edge] = begin[edge] + offset, (end - begin)[edge]
    count[rings[1:] - 1] = 0  # from the end of a ring to the beginning of the next is no edge
    before = np.concatenate(([0], np.cumsum(count)))
    edge = np.repeat(np.arange(len(whole)), count)
    step = np.arange(len(edge)) - before[edge]
    backwards = (whole[edge + 1] < whole[edge]).any(axis=1)
    step = np.where(backwards, count[edge] - 1 - step, step)
    ordered = np.concatenate((_points(columns, 1), _points(rows, 0)))
    corners = np.insert(corners, edge + 1, ordered[first[edge] + step], axis=0)
    return np.asarray(shapely.from_ragged_array(kind, corners, (rings + before[rings], parts)))


def without_points(polygons: NDArray[Any], points: Points) -> NDArray[Any]:
    """Take vertices that are among some points out of straight edges.

    Args:
        polygons: (n,), at least one.
        points: In any order, each as often as it likes.
    """
    kind, corners, (rings, parts) = shapely.to_ragged_array(polygons)
    corners = np.delete(corners, rings[1:] - 1, axis=0)  # the first of a ring, once more
    first, last = (ends - np.arange(len(ends)) for ends in (rings[:-1], rings[1:] - 2))
    number = np.arange(len(corners))
    before, after = number - 1, number + 1
    before[first], after[last] = last, first
    back, ahead = corners - corners[before], corners[after] - corners
    straight = back[:, 0] * ahead[:, 1] == back[:, 1] * ahead[:, 0]
    stays = ~(straight & np.isin(_keys(corners.astype(np.int64), 0), _keys(points, 0)))
    begin = np.concatenate(([0], np.cumsum(np.add.reduceat(stays, first, dtype=np.int64))))
    corners = corners[stays]
    corners = np.insert(corners, begin[1:], corners[begin[:-1]], axis=0)
    rings = begin + np.arange(len(begin))
    return np.asarray(shapely.from_ragged_array(kind, corners, (rings, parts)))


def _keys(points: Points, along: int) -> NDArray[np.int64]:
    """Return a number for every point, by rows of ascending x (0) or columns of ascending y (1)."""
    return points[:, 1 - along] * _ROOM + points[:, along]


def _points(keys: NDArray[np.int64], along: int) -> Points:
    across, ascending = np.divmod(keys, _ROOM)
    return np.stack((across, ascending) if along else (ascending, across), axis=1)
