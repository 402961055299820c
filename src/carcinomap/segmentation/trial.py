"""A few tiles of a plan, read, shown to the network and finished as all others will be.

What they took, and what is to be kept of them, tells what the whole plan will; nothing is written.
"""

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray

from carcinomap.granted import usable_cores
from carcinomap.segmentation.job import Job
from carcinomap.segmentation.mapping.blending import class_index
from carcinomap.segmentation.mapping.finishing import uncertainty
from carcinomap.segmentation.mapping.interest import Interest
from carcinomap.segmentation.mapping.map_slide import Infer
from carcinomap.segmentation.mapping.pipeline import Feed
from carcinomap.segmentation.mapping.plan import CELL, Tile, TilePlan
from carcinomap.segmentation.outlines.tracing import join, trace_block
from carcinomap.segmentation.unfinished.spool import NOT_MAPPED, compress

BATCHES = 3  # at least, spread over the plan; the first is also computed before, to warm up
CORNER_BYTES, FEATURE_BYTES = 22, 250  # in GeoJSON

_T = TypeVar("_T")


@dataclass(frozen=True)
class Trial:
    """What some tiles took, and what is to be kept of them.

    Attributes:
        start: Seconds to prepare the network for batches of this shape.
        pixel: Seconds for each pixel of the tiles, when all stages work at once: of the slowest
            of the network, the readers, and all processors together.
        planes: That the network gives.
        labels: Bytes of the classes, compressed, for each pixel mapped.
        outlines: Bytes of the blocks' outlines, for each pixel mapped.
        features: Bytes of the GeoJSON, for each pixel mapped.
        layers: Bytes of probabilities and uncertainty, compressed, for each pixel mapped.
    """

    start: float = 0.0
    pixel: float = 0.0
    planes: int = 0
    labels: float = 0.0
    outlines: float = 0.0
    features: float = 0.0
    layers: float = 0.0


@dataclass(frozen=True)
class _Spent:
    """Seconds on the clock, and of all processors together."""

    clock: float
    processors: float


def try_out(job: Job, plan: TilePlan, mask: Interest, infer: Infer, feed: Feed) -> Trial:
    """Do some tiles of a plan.

    Args:
        job: The slide.
        plan: Its tiles.
        mask: What of it is mapped.
        infer: Batches to the values (n, planes, h, w) of each.
        feed: What is read, and how.

    Raises:
        InputError: The slide's pixels cannot be read.
    """
    # Rounds of as many batches as are computed at once: a last round of fewer would seem slow.
    at_once = job.runtime.at_once
    batches = math.ceil(BATCHES / at_once) * at_once
    count = min(len(plan.tiles), batches * feed.batch)
    if not count:
        return Trial()
    tiles = [plan.tiles[(2 * i + 1) * len(plan.tiles) // (2 * count)] for i in range(count)]
    with ThreadPoolExecutor(1) as reader:
        images, reading = _timed(lambda: list(feed.batches(reader, tiles)))
    _, first = _timed(lambda: list(infer(iter(images[:1]))))
    # As a stream, so that as many are under way at once, and in memory, as there will be.
    values, network = _timed(lambda: [each.copy() for each in infer(iter(images))])
    each = (of_tile for of_batch in values for of_tile in of_batch)
    pairs = zip(tiles, each, strict=False)  # the rest is filling
    kept, finishing = _timed(lambda: [_kept(job, plan, mask, *pair) for pair in pairs])
    mapped, *sizes = np.sum(kept, axis=0).tolist()
    spent = (reading, network, finishing)
    together = sum(one.processors for one in spent) / usable_cores()
    slowest = max(network.clock, reading.clock / feed.readers, together)
    labels, outlines, features, layers = (size / max(1, mapped) for size in sizes)
    return Trial(
        start=max(0.0, first.clock - network.clock * min(1.0, at_once / len(images))),
        pixel=slowest / sum(tile.pixels for tile in tiles),
        planes=values[0].shape[1],
        labels=labels,
        outlines=outlines,
        features=features,
        layers=layers,
    )


def _timed(work: Callable[[], _T]) -> tuple[_T, _Spent]:
    clock, processors = time.perf_counter(), time.process_time()
    result = work()
    return result, _Spent(time.perf_counter() - clock, time.process_time() - processors)


def _kept(
    job: Job, plan: TilePlan, mask: Interest, tile: Tile, values: NDArray[np.float32]
) -> tuple[int, int, int, int, int]:
    """Finish a tile; return pixels mapped, bytes of classes, outlines, GeoJSON and planes."""
    x, y = tile.x * job.ratio, tile.y * job.ratio
    mapped = mask.window(x, y, tile.width, tile.height, job.mpp)
    mapped[plan.height - tile.y :] = False
    mapped[:, plan.width - tile.x :] = False
    classes = class_index(values[: len(job.classes)])
    labels = np.where(mapped, classes, np.uint8(NOT_MAPPED))
    cells = [
        labels[top : top + CELL, left : left + CELL]
        for top in range(0, tile.height, CELL)
        for left in range(0, tile.width, CELL)
    ]
    sizes = [_compressed(cell) for cell in cells if (cell != NOT_MAPPED).any()]
    outlines = _outlines(job, labels) if job.settings.outlines else (0, 0)
    return int(mapped.sum()), sum(sizes), *outlines, _layers(job, values, mapped)


def _outlines(job: Job, labels: NDArray[np.uint8]) -> tuple[int, int]:
    """Outline the regions of a tile; return the bytes for each block, and as GeoJSON."""
    height, width = labels.shape
    packed = trace_block(labels, 0, 0, width, height, job.settings.simplify_um / job.mpp)
    smallest = job.settings.min_area_um2 / job.mpp**2
    found = [
        one.polygon for one in join([(0, 0, packed)], max(labels.shape), width, height, smallest)
    ]
    corners = int(shapely.get_num_coordinates(found).sum())
    return len(packed), corners * CORNER_BYTES + len(found) * FEATURE_BYTES


def _layers(job: Job, values: NDArray[np.float32], mapped: NDArray[np.bool_]) -> int:
    """Return the bytes of the planes that are asked for."""
    planes = []
    if job.settings.probabilities:
        planes.append(values[: len(job.classes)])
    if job.settings.uncertainty:
        planes.append(uncertainty(values, len(job.classes)))
    if not planes:
        return 0
    return _compressed(np.rint(np.concatenate(planes) * mapped * 255).astype(np.uint8))


def _compressed(pixels: NDArray[np.uint8]) -> int:
    return len(compress(pixels))
