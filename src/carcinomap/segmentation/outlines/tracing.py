"""Outlines of the regions of a class map, simplified.

Regions are simplified together, as a coverage: neighbours keep one common border, without
overlaps or gaps. It happens block by block, as they are traced, and once more in the end.
"""

from collections.abc import Sequence

import numpy as np
import shapely
from shapely import Polygon

from carcinomap.annotation.tracing import Labels, Region, block_count
from carcinomap.annotation.tracing import trace as trace_exactly
from carcinomap.progress import progress
from carcinomap.segmentation.unfinished.spool import NOT_MAPPED

__all__ = ["BLOCK", "Labels", "Region", "trace"]

BLOCK = 1024
"""Side in pixels. The time for simplifying grows faster than the number of corners."""


def trace(labels: Labels, min_area: float, tolerance: float, block: int = BLOCK) -> list[Region]:
    """Outline all regions of classes other than 0.

    Args:
        labels: The map.
        min_area: In px². Smaller regions are left out. Smaller holes are closed; all that is in
            such a hole is smaller still, so that no outline covers another.
        tolerance: How far outlines may move, in pixels: corners are cut while the triangles that
            go are smaller than its square (Visvalingam–Whyatt). 0 keeps every pixel's edge.
        block: Side of the blocks traced at once.

    Returns:
        Regions by class, then by position.
    """

    def simplified(outlines: Sequence[Polygon]) -> Sequence[Polygon]:
        # A common border must have the same vertices on both sides, also where a third region
        # begins along a straight edge: a vertex at every pixel sees to that.
        dense = shapely.transform(shapely.segmentize(outlines, 1.0), np.rint)
        # What borders on nothing counts as the block's border and stays; class 0 is no region,
        # but among the outlines.
        simple: Sequence[Polygon] = shapely.coverage_simplify(
            dense, tolerance, simplify_boundary=False
        )
        return simple

    with progress("outline", block_count(labels, block), "blocks") as advance:
        found = trace_exactly(labels, (0, NOT_MAPPED), block, simplified, advance)
        regions = [region for region in found if region.polygon.area >= min_area]
    filled = [Region(r.index, _without_small_holes(r.polygon, min_area)) for r in regions]
    # Once more over all, for the corners that had to stay where blocks meet.
    return _simplify(sorted(filled, key=_position), tolerance)


def _without_small_holes(polygon: Polygon, min_area: float) -> Polygon:
    holes = [hole for hole in polygon.interiors if Polygon(hole).area >= min_area]
    return polygon if len(holes) == len(polygon.interiors) else Polygon(polygon.exterior, holes)


def _position(region: Region) -> tuple[int, int, int]:
    """Order by class, then by the topmost, leftmost corner, whichever block it was found in."""
    corners = shapely.get_coordinates(region.polygon).astype(np.int64)
    x, y = corners[np.lexsort(corners.T)[0]]
    return region.index, int(y), int(x)


def _simplify(regions: list[Region], tolerance: float) -> list[Region]:
    if not regions:
        return []
    simple = shapely.coverage_simplify([region.polygon for region in regions], tolerance)
    return [Region(region.index, polygon) for region, polygon in zip(regions, simple, strict=True)]
