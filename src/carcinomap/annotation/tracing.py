"""Outlines of the regions of a label image, along the edges of its pixels, with true holes.

The image is traced block by block, so that it may be of any size; what touches a border between
blocks is joined with what lies on the other side. Regions are pixels connected along edges.
"""

import math
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain
from typing import Any, Protocol

import numpy as np
import rasterio.features
import shapely
from numpy.typing import NDArray
from rasterio import Affine
from shapely import GeometryType

from carcinomap.annotation.joining import Grid, Piece, Region, cut, join

# rasterio changes the process's warning filters while it traces, which only one thread may do.
_TRACING = threading.Lock()

BLOCK = 1024
"""Side of the blocks in pixels. A block of nothing but noise takes half a gigabyte."""


class Labels(Protocol):
    """A label image of which windows can be had, such as a class map."""

    @property
    def width(self) -> int:
        """Width in pixels."""

    @property
    def height(self) -> int:
        """Height in pixels."""

    def window(self, x: int, y: int, width: int, height: int) -> NDArray[np.integer[Any]]:
        """Return the values (height, width) of a window inside the image."""


class TooManyRegionsError(Exception):
    """An image has more regions than its tracing was to find."""


def block_count(labels: Labels, block: int = BLOCK) -> int:
    """Return how many blocks an image is traced in."""
    return len(Grid(labels.width, labels.height, block))


def trace(
    labels: Labels,
    skip: Collection[int],
    block: int = BLOCK,
    advance: Callable[[], object] = lambda: None,
    most: float = math.inf,
) -> Iterator[Region]:
    """Outline all regions, exactly.

    Args:
        labels: The image.
        skip: Values whose regions are left out.
        block: Side of the blocks traced at once, in pixels.
        advance: Called after every block.
        most: How many regions there may be, those of every block counted by themselves.

    Yields:
        Regions, each with the last block that it reaches or borders on.

    Raises:
        TooManyRegionsError: There are more than ``most``.
    """
    grid = Grid(labels.width, labels.height, block)

    def blocks() -> Iterator[tuple[int, int, Iterable[Piece]]]:
        count = 0
        for row, column in grid:
            box = x, y, right, bottom = grid.box(row, column)
            image = labels.window(x, y, right - x, bottom - y)
            wanted = ~np.isin(image, list(skip))
            if wanted.any():
                values, polygons = outlines(image, x, y, wanted)
                count += len(values)
                if count > most:
                    raise TooManyRegionsError
                shared = cut(polygons, box, grid.width, grid.height)
                yield row, column, map(Piece, values.tolist(), polygons, shared.tolist())
            advance()

    return join(blocks(), grid)


def outlines(
    image: NDArray[np.integer[Any]], x: int, y: int, wanted: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Outline the regions of one block.

    Args:
        image: Values (height, width).
        x: Of its left edge.
        y: Of its top edge.
        wanted: Where regions are outlined, (height, width).

    Returns:
        Values and polygons, (n,) each.
    """
    place = Affine.translation(x, y)
    with _TRACING:
        found = list(rasterio.features.shapes(image, mask=wanted, connectivity=4, transform=place))
    # One array of all corners: polygons made one by one would take as long as the tracing.
    polygons = [shape["coordinates"] for shape, _ in found]
    rings = list(chain.from_iterable(polygons))
    lengths = [len(ring) for ring in rings]
    numbers = chain.from_iterable(chain.from_iterable(rings))
    corners = np.fromiter(numbers, np.float64, 2 * sum(lengths)).reshape(-1, 2)
    ends = np.cumsum([0, *lengths]), np.cumsum([0, *map(len, polygons)])
    values = np.array([value for _, value in found], np.int64)
    return values, np.asarray(shapely.from_ragged_array(GeometryType.POLYGON, corners, ends))
