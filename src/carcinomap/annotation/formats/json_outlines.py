"""Outlines with holes, as JSON formats nest their vertices."""

from collections.abc import Callable, Sequence

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon
from shapely.affinity import rotate

from carcinomap.annotation.formats.json_reader import Positions
from carcinomap.annotation.formats.regions import NotAnArea, Points, on_slide
from carcinomap.annotation.geometry import Area
from carcinomap.errors import InputError


def polygon(where: str, rings: Positions) -> Polygon | NotAnArea:
    """Return what lies inside the first of some rings and outside the others, valid or not.

    Args:
        where: File and region, for messages.
        rings: Nested as in a polygon of GeoJSON.

    Raises:
        InputError: They are nested otherwise.
    """
    outer, *holes = (_ring(where, ring) for ring in listed(where, rings) or [[]])
    if len(outer) < 3:
        return NotAnArea("no area", f"{len(outer)} vertices are no outline")
    return Polygon(outer, [hole for hole in holes if len(hole) >= 3])


def multipolygon(where: str, polygons: Positions) -> Area | NotAnArea:
    """Return what some polygons cover together, valid or not.

    Args:
        where: File and region, for messages.
        polygons: Nested as in a multipolygon of GeoJSON.

    Raises:
        InputError: They are nested otherwise.
    """
    outlines = [polygon(where, rings) for rings in listed(where, polygons)]
    parts = [outline for outline in outlines if isinstance(outline, Polygon)]
    if len(parts) > 1:
        return MultiPolygon(parts)
    return next(iter([*parts, *outlines]), NotAnArea("no area", "it has no outline"))


def centred(
    where: str,
    shape: Callable[[Points], Polygon],
    centre: Points,
    size: tuple[float, float],
    turn: float,
) -> Polygon | NotAnArea:
    """Return a shape that is turned around its centre.

    Args:
        where: File and region, for messages.
        shape: Makes the upright one of two opposite corners, as ``box`` and ``ellipse`` do.
        centre: x and y.
        size: Width and height before it is turned.
        turn: From the x towards the y axis, in radians.

    Raises:
        InputError: It is larger than any slide.
    """
    if min(size) <= 0:
        return NotAnArea("no area", "it has no width or no height")
    half = np.array(size) / 2
    upright = shape(np.stack((centre - half, centre + half)))
    turned = rotate(upright, turn, origin=tuple(centre), use_radians=True)
    return Polygon(on_slide(where, *shapely.get_coordinates(turned).T))


def listed(where: str, positions: Positions) -> Sequence[Positions]:
    """Return positions that have to be in lists.

    Raises:
        InputError: They are not.
    """
    if not isinstance(positions, list):
        raise InputError(f"{where} has vertices that are not nested as in outlines")
    return positions


def _ring(where: str, vertices: Positions) -> Points:
    if isinstance(vertices, np.ndarray):
        return vertices
    if vertices != []:
        raise InputError(f"{where} has vertices that are not nested as in outlines")
    return np.empty((0, 2))
