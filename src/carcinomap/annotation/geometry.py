"""Turn the vertices that a drawing tool stored into valid areas."""

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import shapely
from shapely import LinearRing, MultiPolygon, Polygon

Area: TypeAlias = Polygon | MultiPolygon
"""What a region covers, in level-0 pixels: valid and not empty."""

GRID = 1 / 1024
"""Coordinates are multiples of this many pixels: finer differences are no drawing, and upset the
geometry library."""

_ELLIPSE_VERTICES = 256
_MOST_CROSSINGS = 20_000
_PAIRS_AT_ONCE = 1_000_000


def box(corners: npt.NDArray[np.float64]) -> Polygon:
    """Return the upright rectangle between two opposite corners ``(2, 2)``."""
    return shapely.box(*corners.min(axis=0), *corners.max(axis=0))


def ellipse(corners: npt.NDArray[np.float64]) -> Polygon:
    """Return the upright ellipse in the rectangle between two opposite corners ``(2, 2)``.

    A polygon of n vertices on an ellipse covers sin(2π/n) / (2π/n) of its area. The vertices lie
    outside it by the root of that, so that the area is the ellipse's own.
    """
    step = 2 * np.pi / _ELLIPSE_VERTICES
    angles = step * np.arange(_ELLIPSE_VERTICES)
    radii = np.ptp(corners, axis=0) / 2 * np.sqrt(step / np.sin(step))
    circle = np.column_stack((np.cos(angles), np.sin(angles)))
    return Polygon(corners.mean(axis=0) + radii * circle)


def tangled(outline: Area) -> bool:
    """Return whether an outline crosses itself so often that no hand can have drawn it.

    To repair one takes time and memory in proportion to its crossings, of which a few thousand
    senseless vertices make millions.
    """
    rings = shapely.get_rings(shapely.get_parts(outline))
    points, owners = shapely.get_coordinates(rings, return_index=True)
    moved = (points[:-1] != points[1:]).any(axis=1)  # a resting pen repeats itself for long
    ends = np.stack((points[:-1], points[1:]), axis=1)
    sides = shapely.linestrings(ends[moved & (owners[:-1] == owners[1:])])
    tree = shapely.STRtree(sides)
    at_once = max(8, _PAIRS_AT_ONCE // max(1, len(sides)))
    meetings = 0
    for start in range(0, len(sides), at_once):
        some = sides[start : start + at_once]
        hits = tree.query(some, predicate="intersects").shape[1]
        meetings += hits - 3 * len(some)  # a side meets itself and its neighbours anyway
        if meetings > 2 * _MOST_CROSSINGS:
            return True
    return False


def repaired(outline: Area) -> Area:
    """Return the area that an outline encloses, however it crosses itself.

    Whatever the outline runs around counts (non-zero winding, in either direction): where a
    stroke overshoots its own start, the overlap is inside, and both lobes of an eight are. The
    alternative rule, even–odd, would punch holes where people drew over a stretch twice.

    Args:
        outline: Its holes take away what they run around, by the same rule. Several parts may
            overlap.

    Returns:
        A valid area, empty if the outline encloses nothing.
    """
    parts = [_enclosed(part) for part in shapely.get_parts(outline)]
    return parts[0] if len(parts) == 1 else only_areas([shapely.union_all(parts)])


def _enclosed(part: Polygon) -> Area:
    outer, *holes = (_lobes(ring) for ring in shapely.get_rings(part))
    return only_areas([shapely.difference(outer, shapely.union_all(holes))]) if holes else outer


def _lobes(ring: LinearRing) -> Area:
    lobes = shapely.make_valid(Polygon(ring), method="structure", keep_collapsed=False)
    # Lobes that run around in opposite directions come apart, even where they share an edge.
    return only_areas([shapely.union_all(shapely.get_parts(lobes))])


def to_grid(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return coordinates as multiples of ``GRID``."""
    return np.round(points / GRID) * GRID + 0.0  # no negative zeros


def on_grid(area: Area) -> Area:
    """Return an area with vertices on the grid, valid, and without what is finer than that."""
    points = shapely.get_coordinates(area)
    if np.array_equal(points, to_grid(points)):
        return area
    return only_areas([shapely.set_precision(area, GRID)])


def only_areas(geometries: Iterable[shapely.Geometry]) -> Area:
    """Return the polygons among the parts of some geometries that do not overlap."""
    parts = shapely.get_parts(shapely.get_parts(list(geometries)))
    kinds = shapely.get_type_id(parts)
    areas = parts[(kinds == shapely.GeometryType.POLYGON) & ~shapely.is_empty(parts)]
    return areas[0] if len(areas) == 1 else MultiPolygon(list(areas))
