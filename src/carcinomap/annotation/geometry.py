"""Turn the vertices that a drawing tool stored into valid areas."""

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import shapely
from shapely import MultiPolygon, Polygon

Area: TypeAlias = Polygon | MultiPolygon
"""What a region covers, in level-0 pixels: valid and not empty."""

_ELLIPSE_VERTICES = 256


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


def repaired(ring: Polygon) -> Area:
    """Return the area that an outline encloses, however it crosses itself.

    Whatever the outline runs around counts (non-zero winding, in either direction): where a
    stroke overshoots its own start, the overlap is inside, and both lobes of an eight are. The
    alternative rule, even–odd, would punch holes where people drew over a stretch twice.

    Returns:
        A valid area, empty if the outline encloses nothing.
    """
    lobes = shapely.make_valid(ring, method="structure", keep_collapsed=False)
    # Lobes that run around in opposite directions come apart, even where they share an edge.
    return only_areas([shapely.union_all(shapely.get_parts(lobes))])


def only_areas(geometries: Iterable[shapely.Geometry]) -> Area:
    """Return the polygons among the parts of some geometries that do not overlap."""
    parts = shapely.get_parts(shapely.get_parts(list(geometries)))
    kinds = shapely.get_type_id(parts)
    areas = parts[(kinds == shapely.GeometryType.POLYGON) & ~shapely.is_empty(parts)]
    return areas[0] if len(areas) == 1 else MultiPolygon(list(areas))
