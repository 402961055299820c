"""Outlines of the regions of a label image, along the edges of its pixels, with true holes.

The image is traced block by block, so that it may be of any size; what touches a border between
blocks is joined with what lies on the other side. Regions are pixels connected along edges.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import rasterio.features
import shapely
from numpy.typing import NDArray
from rasterio import Affine
from shapely import Polygon

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


@dataclass(frozen=True)
class Region:
    """A connected region of one value; the polygon is in pixels, its corners whole numbers."""

    index: int
    polygon: Polygon


class TooManyRegionsError(Exception):
    """An image has more regions than its tracing was to find."""


Reshape = Callable[[Sequence[Polygon]], Sequence[Polygon]]


def block_count(labels: Labels, block: int = BLOCK) -> int:
    """Return how many blocks an image is traced in."""
    return -(-labels.width // block) * -(-labels.height // block)


def trace(
    labels: Labels,
    skip: Collection[int],
    block: int = BLOCK,
    reshape: Reshape | None = None,
    advance: Callable[[], object] = lambda: None,
    most: float = math.inf,
) -> Iterator[Region]:
    """Outline all regions, exactly.

    Args:
        labels: The image.
        skip: Values whose regions are left out.
        block: Side of the blocks traced at once, in pixels.
        reshape: Called with all outlines of a block, also those to be left out, and returns what
            shall replace them; it may move no corner on the border of the block.
        advance: Called after every block.
        most: How many regions there may be, those of every block counted by themselves.

    Yields:
        Regions within a block, block by block; then, by value, those that blocks had to share.

    Raises:
        TooManyRegionsError: There are more than ``most``.
    """
    pieces: defaultdict[int, list[Polygon]] = defaultdict(list)
    count = 0
    for y in range(0, labels.height, block):
        for x in range(0, labels.width, block):
            for region, cut in _trace_block(labels, x, y, block, skip, reshape):
                count += 1
                if count > most:
                    raise TooManyRegionsError
                if cut:
                    pieces[region.index].append(region.polygon)
                else:
                    yield region
            advance()
    for index in sorted(pieces):
        # All corners are whole numbers: the union is exact.
        joined = shapely.union_all(pieces.pop(index))
        yield from (Region(index, polygon) for polygon in shapely.get_parts(joined))


def _trace_block(
    labels: Labels, x: int, y: int, block: int, skip: Collection[int], reshape: Reshape | None
) -> Iterator[tuple[Region, bool]]:
    """Yield a block's regions, and whether its border to another block cuts them."""
    right, bottom = min(x + block, labels.width), min(y + block, labels.height)
    image = labels.window(x, y, right - x, bottom - y)
    wanted = np.ones(image.shape, bool)
    for value in skip:
        wanted &= image != value
    if not wanted.any():
        return
    shapes = rasterio.features.shapes(
        image,
        mask=wanted if reshape is None else None,
        connectivity=4,
        transform=Affine.translation(x, y),
    )
    outlines: Iterator[tuple[int, Polygon]] = (
        (int(value), _polygon(*shape["coordinates"])) for shape, value in shapes
    )
    if reshape is not None:
        indices, polygons = zip(*outlines, strict=True)
        outlines = zip(indices, reshape(polygons), strict=True)
    for index, polygon in outlines:
        if index not in skip:
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
