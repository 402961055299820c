"""Draw areas as pixels.

A pixel belongs to an area that contains its centre. Drawn areas are then right on average at any
size; rules that paint every pixel an outline touches make small regions too large.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import shapely
from rasterio.features import rasterize
from rasterio.transform import Affine

from carcinomap.annotation.geometry import Area

Bounds: TypeAlias = tuple[float, float, float, float]
Points: TypeAlias = npt.NDArray[np.float64]

_WINDOW_CELL = 4  # the one in the middle of 3 × 3


@dataclass(frozen=True)
class Window:
    """A window of a slide, and the pixels it is drawn in.

    Attributes:
        x: Left edge in level-0 pixels.
        y: Upper edge in level-0 pixels.
        width: Columns of output pixels.
        height: Rows of output pixels.
        scale: Level-0 pixels per output pixel.
    """

    x: float
    y: float
    width: int
    height: int
    scale: float

    def bounds(self) -> Bounds:
        """Return (left, top, right, bottom) in level-0 pixels."""
        right, bottom = self.x + self.width * self.scale, self.y + self.height * self.scale
        return self.x, self.y, right, bottom

    def draw(self, areas: Iterable[tuple[Area, int]]) -> npt.NDArray[np.uint8]:
        """Paint areas over one another, in order.

        Args:
            areas: Each with the value of its pixels.

        Returns:
            uint8 ``(height, width)``, 0 where there is no area.
        """
        bounds = self.bounds()
        shapes = [(shape, value) for area, value in areas for shape in _shapes(area, bounds)]
        if not shapes:
            return np.zeros((self.height, self.width), np.uint8)
        pixels: npt.NDArray[np.uint8] = rasterize(
            shapes,
            out_shape=(self.height, self.width),
            transform=Affine(self.scale, 0, self.x, 0, self.scale, self.y),
            dtype="uint8",
        )
        return pixels


def _shapes(area: Area, bounds: Bounds) -> Iterator[dict[str, Any]]:
    """Yield polygons, as the drawing library takes them, that look like an area in a window."""
    for polygon in getattr(area, "geoms", (area,)):
        rings = (polygon.exterior, *polygon.interiors)
        outer, *holes = (_shortened(ring, bounds) for ring in rings)
        if outer:
            yield {"type": "Polygon", "coordinates": [outer, *filter(None, holes)]}


def _shortened(ring: shapely.LinearRing, bounds: Bounds) -> list[list[float]]:
    """Leave out the vertices of a ring that make no difference in a window.

    The drawing library takes vertices one by one, and few of a hundred thousand are near. The
    sides of the window divide the slide into nine cells. Where a ring runs along within one of
    the outer eight, the straight way to where it leaves the cell does as well. No vertex is moved
    or added, so that every window sees the same edges. (Shapely's ``clip_by_rect`` is faster, but
    fails or adds area once in some 10,000 random outlines.)

    Returns:
        The closed ring, empty if nothing of what it encloses is in the window.
    """
    left, top, right, bottom = bounds
    points: Points = shapely.get_coordinates(ring)[:-1]
    x, y = points.T
    column = (x >= left).view(np.int8) + (x > right)
    row = (y >= top).view(np.int8) + (y > bottom)
    cell = column + 3 * row
    same = (cell == np.roll(cell, 1)) & (cell == np.roll(cell, -1))
    points = points[~same | (cell == _WINDOW_CELL)]
    if len(points) < 3:
        return []
    closed: list[list[float]] = [*points.tolist(), points[0].tolist()]
    return closed
