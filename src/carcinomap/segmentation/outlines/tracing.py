"""Outlines of the regions of a class map, block by block, simplified, and joined.

Regions of a block are simplified together, as a coverage: neighbours keep one common border,
without overlaps or gaps. On the border of a block nothing moves, so that no block needs another,
and what was traced fits together whatever the order.
"""

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from carcinomap.annotation.joining import Grid, Piece, Region, cut
from carcinomap.annotation.joining import join as join_pieces
from carcinomap.annotation.tracing import Labels, outlines
from carcinomap.annotation.vertices import with_points
from carcinomap.segmentation.unfinished.spool import NOT_MAPPED

__all__ = ["BLOCK", "Labels", "Region", "join", "trace", "trace_block"]

BLOCK = 1024
"""Side in pixels. A larger one has fewer borders; noise of this size takes half a gigabyte."""

ZLIB_LEVEL = 1  # whole numbers held as floats: what there is to gain comes quickly


def trace_block(
    labels: NDArray[np.uint8], x: int, y: int, width: int, height: int, tolerance: float
) -> bytes:
    """Outline the regions of all classes other than 0 in one block of a map.

    Args:
        labels: Of the block, uint8 (h, w).
        x: Of the block's left edge.
        y: Of the block's top edge.
        width: Of the map.
        height: Of the map.
        tolerance: How far outlines may move, in pixels: corners are cut while the triangles that
            go are smaller than its square (Visvalingam–Whyatt). 0 keeps every pixel's edge.

    Returns:
        What ``join`` takes; nothing where there is no region. The same bytes for the same block.
    """
    regions = (labels != 0) & (labels != NOT_MAPPED)
    if not regions.any():
        return b""
    # Class 0 is no region, but among the outlines: what borders on nothing would not move.
    labels = labels * regions
    values, polygons = outlines(labels, x, y)
    points = _meeting_points(labels) + (x, y)  # noqa: RUF005
    if len(points):
        polygons = with_points(polygons, points)
    if tolerance:
        polygons = shapely.coverage_simplify(polygons, tolerance, simplify_boundary=False)
    values, polygons = values[values != 0], polygons[values != 0]
    box = (x, y, x + labels.shape[1], y + labels.shape[0])
    return _packed(values, polygons, cut(polygons, box, width, height))


def join(
    blocks: Iterable[tuple[int, int, bytes]], block: int, width: int, height: int, min_area: float
) -> Iterator[Region]:
    """Join what was traced of the blocks of a map.

    Args:
        blocks: Row, column and what ``trace_block`` returned, in reading order, each once; those
            without a region may be left out.
        block: Side of the blocks.
        width: Of the map.
        height: Of the map.
        min_area: In px². Smaller regions are left out. Smaller holes are closed; all that is in
            such a hole is smaller still, so that no outline covers another.

    Yields:
        Regions, each with the last block that it reaches or borders on. Their
        order is a function of the map and the size of its blocks.
    """
    pieces = ((row, column, _unpacked(data)) for row, column, data in blocks)
    for region in join_pieces(pieces, Grid(width, height, block)):
        if region.polygon.area >= min_area:
            yield Region(region.index, _without_small_holes(region.polygon, min_area))


def trace(labels: Labels, min_area: float, tolerance: float, block: int = BLOCK) -> list[Region]:
    """Outline a whole map: ``trace_block`` on every block, and ``join``."""
    grid = Grid(labels.width, labels.height, block)

    def blocks() -> Iterator[tuple[int, int, bytes]]:
        for row, column in grid:
            x, y, right, bottom = grid.box(row, column)
            window = labels.window(x, y, right - x, bottom - y).astype(np.uint8, copy=False)
            yield row, column, trace_block(window, x, y, grid.width, grid.height, tolerance)

    return list(join(blocks(), block, grid.width, grid.height, min_area))


def _without_small_holes(polygon: Polygon, min_area: float) -> Polygon:
    holes = [hole for hole in polygon.interiors if Polygon(hole).area >= min_area]
    return polygon if len(holes) == len(polygon.interiors) else Polygon(polygon.exterior, holes)


def _packed(values: NDArray[np.int64], polygons: NDArray[Any], shared: NDArray[np.bool_]) -> bytes:
    table = np.stack((values, shared), axis=1).astype(np.uint8)
    count = len(values).to_bytes(4, "little")
    data = count + table.tobytes() + shapely.to_wkb(shapely.multipolygons(polygons))
    return zlib.compress(data, ZLIB_LEVEL)


def _unpacked(packed: bytes) -> Iterator[Piece]:
    if not packed:
        return
    data = zlib.decompress(packed)
    start = 4 + 2 * int.from_bytes(data[:4], "little")
    polygons = shapely.get_parts(shapely.from_wkb(data[start:]))
    for index, shared, polygon in zip(data[4:start:2], data[5:start:2], polygons, strict=True):
        yield Piece(index, polygon, bool(shared))


def _meeting_points(labels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the points (n, 2) inside a block where an edge of one region goes straight past two.

    Both sides of a common border need a vertex there, or they would be simplified apart.
    """
    upright = (labels[:, 1:] != labels[:, :-1]).view(np.uint8)
    level = (labels[1:] != labels[:-1]).view(np.uint8)
    edges = upright[:-1] + upright[1:] + level[:, :-1] + level[:, 1:]
    rows, columns = np.divmod(np.flatnonzero(edges == 3), edges.shape[1] or 1)
    return np.stack((columns, rows), axis=1) + 1
