"""From the tiles of a plan to the finished cells of the map.

Readers fetch tiles ahead of the runtime, which computes ahead of the blending. Whatever is
summed or written comes in the plan's order, whatever the number of threads.
"""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from carcinomap.errors import CarcinomapError
from carcinomap.progress import progress
from carcinomap.segmentation.mapping.blending import BlendedCell, Blender, class_index
from carcinomap.segmentation.mapping.plan import CELL, Tile, TilePlan
from carcinomap.segmentation.unfinished.spool import NOT_MAPPED, Spool
from carcinomap.slide import Slide, TissueMask, View

if TYPE_CHECKING:
    from carcinomap.model import Runtime

Images = tuple[NDArray[np.uint8], ...]
"""What the network sees of one tile: uint8 (h, w, 3) for each view."""


def map_tiles(
    slide: Slide,
    runtime: "Runtime",
    plan: TilePlan,
    tissue: TissueMask,
    spool: Spool,
    batch: int,
    readers: int,
) -> NDArray[np.int64]:
    """Map the tissue of a slide into level 0 of a spool.

    Args:
        slide: What is mapped.
        runtime: What maps it.
        plan: The tiles, at the mpp of the runtime's first view.
        tissue: All else is not mapped.
        spool: Receives every cell that has tissue.
        batch: Tiles at a time; the last batch is filled up to this shape.
        readers: Threads that read the slide.

    Returns:
        int64 (256,): number of pixels with each value, cells without any tile not counted.

    Raises:
        InputError: The slide's pixels cannot be read.
        CarcinomapError: The network gives no numbers.
    """
    mpp = runtime.views[0].mpp
    views = [
        replace(view, size=round(plan.size * view.size / runtime.views[0].size))
        for view in runtime.views
    ]
    blender = Blender(plan, len(runtime.classes))
    counts = np.zeros(256, np.int64)
    groups = [plan.tiles[i : i + batch] for i in range(0, len(plan.tiles), batch)]
    pool = ThreadPoolExecutor(readers)
    try:
        with progress(slide.name, len(plan.tiles), "tiles") as advance:
            images = _read_ahead(pool, slide, views, plan, readers + batch)
            batches = (_batch([next(images) for _ in group], batch) for group in groups)
            for group, probabilities in zip(groups, runtime.run(batches), strict=True):
                if not math.isfinite(float(probabilities.sum())):
                    raise CarcinomapError(f"{slide.path}: the network gave values that are none")
                for tile, of_tile in zip(group, probabilities, strict=False):  # rest: filling
                    for cell in blender.add(tile, of_tile):
                        labels = _cell_labels(cell, plan, tissue, slide.mpp, mpp)
                        counts += np.bincount(labels.reshape(-1), minlength=256)
                        spool.write(0, *cell.cell, labels)
                advance(len(group))
    finally:
        pool.shutdown(cancel_futures=True)
    return counts


def _read_ahead(
    pool: ThreadPoolExecutor, slide: Slide, views: Sequence[View], plan: TilePlan, ahead: int
) -> Iterator[Images]:
    """Yield what the network sees of every tile, in order, reading up to ``ahead`` before."""
    ratio = views[0].mpp / slide.mpp

    def read(tile: Tile) -> Images:
        x, y = ((corner + plan.size / 2) * ratio for corner in (tile.x, tile.y))
        return tuple(view.read(slide, x, y) for view in views)

    reading: deque[Future[Images]] = deque()
    for tile in plan.tiles:
        reading.append(pool.submit(read, tile))
        if len(reading) > ahead:
            yield reading.popleft().result()
    while reading:
        yield reading.popleft().result()


def _batch(images: list[Images], size: int) -> Images:
    """Stack tiles, for each view, to (size, h, w, 3); the last one fills what is missing."""
    images += images[-1:] * (size - len(images))
    return tuple(np.stack(view) for view in zip(*images, strict=True))


def _cell_labels(
    blended: BlendedCell, plan: TilePlan, tissue: TissueMask, slide_mpp: float, mpp: float
) -> NDArray[np.uint8]:
    """Return a cell's classes, uint8 (CELL, CELL), where it is tissue within the map."""
    row, column = blended.cell
    ratio = mpp / slide_mpp
    mapped = tissue.window(column * CELL * ratio, row * CELL * ratio, CELL, CELL, mpp)
    mapped &= blended.covered
    mapped[plan.height - row * CELL :] = False
    mapped[:, plan.width - column * CELL :] = False
    return np.where(mapped, class_index(blended.probabilities), np.uint8(NOT_MAPPED))
