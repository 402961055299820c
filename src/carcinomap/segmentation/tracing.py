"""Outlines of the regions of a class map, with true holes.

The map is traced and simplified block by block; what touches a border between blocks is joined
with what lies on the other side. Regions are pixels connected along edges. They are simplified
together, as a coverage: neighbours keep one common border, without overlaps or gaps.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import rasterio.features
import shapely
from numpy.typing import NDArray
from rasterio import Affine
from shapely import Polygon

from carcinomap.progress import progress
from carcinomap.segmentation.spool import NOT_MAPPED

BLOCK = 1024
"""Side in pixels. The time for simplifying grows faster than the number of corners."""


class Labels(Protocol):
    """A label image of which windows can be had, such as a ClassMap.

    Attributes:
        width: In pixels.
        height: In pixels.
    """

    width: int
    height: int

    def window(self, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        """Return uint8 (height, width)."""
        ...


@dataclass(frozen=True)
class Region:
    """A connected region of one class; the polygon is in map pixels, its corners whole numbers."""

    index: int
    polygon: Polygon


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
    whole: list[Region] = []
    pieces: defaultdict[int, list[Polygon]] = defaultdict(list)
    corners = [
        (x, y) for y in range(0, labels.height, block) for x in range(0, labels.width, block)
    ]
    with progress("outline", len(corners), "blocks") as advance:
        for x, y in corners:
            for region, cut in _trace_block(labels, x, y, block, tolerance):
                if cut:
                    pieces[region.index].append(region.polygon)
                elif region.polygon.area >= min_area:
                    whole.append(region)
            advance()
    for index, polygons in pieces.items():
        # All corners are whole numbers: the union is exact.
        joined = shapely.get_parts(shapely.union_all(polygons))
        whole += [Region(index, polygon) for polygon in joined if polygon.area >= min_area]
    filled = [Region(r.index, _without_small_holes(r.polygon, min_area)) for r in whole]
    # Once more over all, for the corners that had to stay where blocks meet.
    return _simplify(sorted(filled, key=_position), tolerance)


def _trace_block(
    labels: Labels, x: int, y: int, block: int, tolerance: float
) -> Iterator[tuple[Region, bool]]:
    """Yield a block's regions, simplified, and whether its border to another block cuts them."""
    right, bottom = min(x + block, labels.width), min(y + block, labels.height)
    image = labels.window(x, y, right - x, bottom - y)
    if np.isin(image, (0, NOT_MAPPED)).all():
        return
    # Class 0 is traced too: what borders on nothing counts as the block's border and must stay.
    shapes = rasterio.features.shapes(image, connectivity=4, transform=Affine.translation(x, y))
    indices, outlines = zip(
        *((int(value), _polygon(*shape["coordinates"])) for shape, value in shapes), strict=True
    )
    # A common border must have the same vertices on both sides, also where a third region
    # begins along a straight edge: a vertex at every pixel sees to that.
    dense = shapely.transform(shapely.segmentize(outlines, 1.0), np.rint)
    simple = shapely.coverage_simplify(dense, tolerance, simplify_boundary=False)
    for index, polygon in zip(indices, simple, strict=True):
        if index not in (0, NOT_MAPPED):
            x0, y0, x1, y1 = polygon.bounds
            cut = (
                (x0 == x and x > 0)
                or (y0 == y and y > 0)
                or (x1 == right and right < labels.width)
                or (y1 == bottom and bottom < labels.height)
            )
            yield Region(index, polygon), cut


def _polygon(shell: list[Any], *holes: list[Any]) -> Polygon:
    return Polygon(shell, holes)


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
