"""Look once at every pixel of a label image: how many there are of a value, and roughly where."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carcinomap.annotation.label_images.label_tiles import Tiles, Values, groups, packed
from carcinomap.granted import allotted_cores

OVERVIEW = 4096
"""Pixels of the longer side of the overview."""

_THREADS = 8


@dataclass(frozen=True)
class Survey:
    """What an image holds.

    Attributes:
        counts: Number of pixels of every value in it.
        overview: The image in fewer pixels, each of the value at its centre; one that is small
            enough is its own.
        step: (x, y): pixels of the image per pixel of the overview.
    """

    counts: dict[int, int]
    overview: Tiles
    step: tuple[float, float]


def survey(tiles: Tiles) -> Survey:
    """Count the values of an image, and make an overview.

    Raises:
        NoLabelImageError: The image is damaged.
    """
    shrink = max(1.0, max(tiles.width, tiles.height) / OVERVIEW)
    size = [max(1, round(side / shrink)) for side in (tiles.width, tiles.height)]
    step = (tiles.width / size[0], tiles.height / size[1])
    columns, rows = (
        ((np.arange(count) + 0.5) * stride).astype(np.int64)
        for count, stride in zip(size, step, strict=True)
    )
    overview = np.empty((size[1], size[0]), np.uint8)
    across, down = dict(groups(columns, tiles.across)), dict(groups(rows, tiles.down))

    def count(row: int) -> NDArray[np.int64]:
        """Count a row of tiles, and copy the pixels that the overview has of it."""
        counts = np.zeros(256, np.int64)
        nowhere = slice(0, 0)
        r = down.get(row, nowhere)
        for column in range(tiles.columns):
            tile = tiles.tile(row, column)
            counts += _histogram(tile)
            c = across.get(column, nowhere)
            places = rows[r] - row * tiles.down, columns[c] - column * tiles.across
            overview[r, c] = tile[np.ix_(*places)]
        return counts

    with ThreadPoolExecutor(min(_THREADS, allotted_cores())) as pool:
        counts = sum(pool.map(count, range(tiles.rows)), np.zeros(256, np.int64))
    present = {value: int(counts[value]) for value in np.flatnonzero(counts).tolist()}
    small = packed(size[0], size[1], lambda top, bottom: overview[top:bottom])
    return Survey(present, small, step)


def _histogram(tile: Values) -> NDArray[np.int64]:
    first = tile[0, 0]
    if (tile == first).all():  # as most tiles are, and this is faster than to count
        counts = np.zeros(256, np.int64)
        counts[first] = tile.size
        return counts
    return np.bincount(tile.ravel(), minlength=256)
