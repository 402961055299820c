"""From the tiles of a plan to the finished cells of the map.

Readers fetch tiles ahead of the runtime, which computes ahead of the blending; cells that are
complete are finished by other threads, which also outline every block of them. No stage waits for
another but for work, and none is ahead by more than a few tiles. Whatever is summed comes in the
plan's order, whatever the number of threads.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carcinomap.errors import CarcinomapError
from carcinomap.granted import allotted_cores
from carcinomap.progress import progress
from carcinomap.segmentation.job import Job
from carcinomap.segmentation.mapping.blending import BlendedCell, Blender
from carcinomap.segmentation.mapping.interest import Interest
from carcinomap.segmentation.mapping.normalising import normaliser_of
from carcinomap.segmentation.mapping.plan import Tile, TilePlan
from carcinomap.slide import Slide, View, read_mirrored
from carcinomap.slide.stain import Normaliser

Images = tuple[NDArray[np.uint8], ...]
"""What the network sees of one tile: uint8 (h, w, 3) for each view."""

MOST_READERS = 16
"""Threads that read by themselves."""

WAITING = 16
"""Complete cells that may wait for their finishing, for each thread that does it."""


@dataclass(frozen=True)
class Feed:
    """What is read for the runtime.

    Attributes:
        slide: What is mapped.
        views: What the network sees around a point; the first one shows the tile itself.
        batch: Tiles at a time; the last batch is filled up to this shape.
        readers: Threads that read.
        normaliser: Gives what is read other colours; None leaves it as it is.
    """

    slide: Slide
    views: tuple[View, ...]
    batch: int
    readers: int
    normaliser: Normaliser | None = None

    @classmethod
    def of(cls, job: Job, plan: TilePlan, mask: Interest) -> "Feed":
        """Return the feed of a plan; as many tiles at a time as the runtime likes, where it may.

        Raises:
            InputError: The slide is to get other colours, and does not show its own.
        """
        runtime, settings = job.runtime, job.settings
        wanted = settings.batch or max(1, runtime.batch_pixels // plan.size**2)
        batch = min(wanted, max(1, len(plan.tiles)))
        normaliser = normaliser_of(job, mask.tissue) if plan.tiles else None
        # Where the slide is mapped, which may be another machine than that of the settings.
        readers = settings.readers or min(MOST_READERS, allotted_cores())
        return cls(job.slide, runtime.views, batch, readers, normaliser)

    def batches(self, pool: ThreadPoolExecutor, tiles: Sequence[Tile]) -> Iterator[Images]:
        """Yield the batches of tiles, in order: for each view (batch, h, w, 3)."""
        images = self._read_ahead(pool, tiles)
        for first in range(0, len(tiles), self.batch):
            group = [next(images) for _ in tiles[first : first + self.batch]]
            group += group[-1:] * (self.batch - len(group))
            yield tuple(np.stack(view) for view in zip(*group, strict=True))

    def _read_ahead(self, pool: ThreadPoolExecutor, tiles: Sequence[Tile]) -> Iterator[Images]:
        reading: deque[Future[Images]] = deque()
        for tile in tiles:
            reading.append(pool.submit(self._read, tile))
            if len(reading) > self.readers + self.batch:
                yield reading.popleft().result()
        while reading:
            yield reading.popleft().result()

    def _read(self, tile: Tile) -> Images:
        """Read what the network sees of a tile: every view around its middle."""
        first = self.views[0]
        ratio = first.mpp / self.slide.mpp
        x, y = (tile.x + tile.width / 2) * ratio, (tile.y + tile.height / 2) * ratio
        images = []
        for view in self.views:
            width, height = (
                round(side * view.size / first.size) for side in (tile.width, tile.height)
            )
            half = view.mpp / self.slide.mpp / 2
            corner = x - width * half, y - height * half
            image = read_mirrored(self.slide, *corner, width, height, view.mpp)
            images.append(self.normaliser(image) if self.normaliser else image)
        return tuple(images)


def map_tiles(
    feed: Feed,
    infer: Callable[[Iterator[Images]], Iterator[NDArray[np.float32]]],
    blender: Blender,
    finish: Callable[[BlendedCell], object],
) -> None:
    """Map the tissue of a slide.

    Args:
        feed: What is read, and how.
        infer: Batches to the values (n, planes, h, w) of each, in order: a runtime's ``run``.
        blender: Of the plan; says which tiles are to be done.
        finish: Called with every complete cell, from several threads.

    Raises:
        InputError: The slide's pixels cannot be read.
        CarcinomapError: The network gives no numbers.
    """
    tiles = blender.tiles
    groups = [tiles[i : i + feed.batch] for i in range(0, len(tiles), feed.batch)]
    reading = ThreadPoolExecutor(feed.readers, "reader")
    finishing = ThreadPoolExecutor(feed.readers, "finisher")
    unfinished: deque[Future[object]] = deque()
    try:
        with progress(feed.slide.name, len(tiles), "tiles") as advance:
            values = infer(feed.batches(reading, tiles))
            for group, of_group in zip(groups, values, strict=True):
                if not math.isfinite(float(of_group.sum())):
                    raise CarcinomapError(
                        f"{feed.slide.path}: the network gave values that are none"
                    )
                for tile, of_tile in zip(group, of_group, strict=False):  # the rest is filling
                    for cell in blender.add(tile, of_tile):
                        unfinished.append(finishing.submit(finish, cell))
                while len(unfinished) > WAITING * feed.readers:
                    unfinished.popleft().result()
                advance(len(group))
            while unfinished:
                unfinished.popleft().result()
    finally:
        for pool in (reading, finishing):
            pool.shutdown(cancel_futures=True)
