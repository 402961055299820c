"""What a map will take: tiles, time, memory and disk, told before it is made."""

import resource
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from carcinomap.segmentation.job import Job
from carcinomap.segmentation.mapping.blending import IN_MEMORY
from carcinomap.segmentation.mapping.interest import Interest
from carcinomap.segmentation.mapping.map_slide import Infer
from carcinomap.segmentation.mapping.pipeline import WAITING, Feed
from carcinomap.segmentation.mapping.plan import CELL, Cell, TilePlan
from carcinomap.segmentation.results.overview import MAX_SIDE
from carcinomap.segmentation.trial import Trial, try_out
from carcinomap.segmentation.unfinished.spool import EMPTY_CELL

LEVELS = 4 / 3  # all levels of a pyramid, in the finest one
EMPTY_BYTES = len(EMPTY_CELL) + 8  # and its place
PICTURE_BYTES = 3  # for each pixel of it that shows tissue; glass is next to nothing

HEADINGS = ("slide", "tiles", "to map", "map", "time", "memory", "disk meanwhile", "disk after")


@dataclass(frozen=True)
class Estimate:
    """What the map of one slide will take.

    Attributes:
        slide: The slide's name.
        width: Of the map, in pixels.
        height: Of the map, in pixels.
        mapped_mm2: Area of what is to be mapped.
        mapped_mpx: The same, in millions of map pixels.
        tiles: That the network will see.
        seconds: From when the tiles are planned until all are mapped.
        memory_bytes: The most that the process will have in main memory.
        working_bytes: The most that will be on disk meanwhile, the result included.
        result_bytes: What will be on disk in the end.
    """

    slide: str
    width: int
    height: int
    mapped_mm2: float
    mapped_mpx: float
    tiles: int
    seconds: float
    memory_bytes: int
    working_bytes: int
    result_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)


def estimate(job: Job, plan: TilePlan, mask: Interest, infer: Infer) -> Estimate:
    """Estimate what a slide will take on this machine, as busy as it is; nothing is written.

    Time and disk are those of a few tiles, for as many as there are and for as many pixels as are
    to be mapped. The memory is the most that the process has had by now, those tiles included,
    and all that may wait to be computed, blended and finished.

    Args:
        job: The slide.
        plan: Its tiles.
        mask: What of it is to be mapped.
        infer: Batches to the values (n, planes, h, w) of each, as ``map_tiles`` has it.

    Raises:
        InputError: The slide's pixels cannot be read.
    """
    area = mask.area_mm2
    pixels = area * 1e6 / job.mpp**2
    feed = Feed.of(job, plan, mask)
    trial = try_out(job, plan, mask, infer, feed)
    sums = _most_live(plan) * (trial.planes + 1) * CELL**2 * 4
    result = _result_bytes(job, plan, trial, pixels)
    journal = pixels * (trial.labels * LEVELS + trial.outlines)
    return Estimate(
        slide=job.slide.name,
        width=plan.width,
        height=plan.height,
        mapped_mm2=area,
        mapped_mpx=pixels / 1e6,
        tiles=len(plan.tiles),
        seconds=trial.start + trial.pixel * sum(tile.pixels for tile in plan.tiles),
        memory_bytes=_memory() + _waiting_bytes(feed, plan, trial.planes) + min(sums, IN_MEMORY),
        working_bytes=round(result + journal + max(0, sums - IN_MEMORY)),
        result_bytes=round(result),
    )


def describe(estimates: Sequence[Estimate]) -> list[tuple[str, ...]]:
    """Return a row for each slide under ``HEADINGS``, and one for all where there are several.

    The slides are mapped one after the other: the last row has the sum of their times, the most
    memory, and the most disk at any time.
    """
    rows = [
        (
            one.slide,
            f"{one.tiles:,}",
            f"{one.mapped_mm2:,.2f} mm² = {one.mapped_mpx:,.1f} Mpx",
            f"{one.width:,} × {one.height:,}",
            _duration(one.seconds),
            *map(_size, (one.memory_bytes, one.working_bytes, one.result_bytes)),
        )
        for one in estimates
    ]
    return [*rows, _total(estimates)] if len(estimates) > 1 else rows


def _total(estimates: Sequence[Estimate]) -> tuple[str, ...]:
    done = np.cumsum([one.result_bytes for one in estimates])
    working = [one.working_bytes - one.result_bytes for one in estimates]
    area = sum(one.mapped_mm2 for one in estimates)
    pixels = sum(one.mapped_mpx for one in estimates)
    return (
        f"{len(estimates)} slides",
        f"{sum(one.tiles for one in estimates):,}",
        f"{area:,.2f} mm² = {pixels:,.1f} Mpx",
        "",
        _duration(sum(one.seconds for one in estimates)),
        _size(max(one.memory_bytes for one in estimates)),
        _size(int((done + working).max())),
        _size(int(done[-1])),
    )


def _most_live(plan: TilePlan) -> int:
    """Return how many cells wait for more tiles at most."""
    to_come = Counter(cell for tile in plan.tiles for cell in plan.cells(tile))
    live: set[Cell] = set()
    most = 0
    for tile in plan.tiles:
        cells = list(plan.cells(tile))
        live.update(cells)
        most = max(most, len(live))
        to_come.subtract(cells)
        live.difference_update(cell for cell in cells if not to_come[cell])
    return most


def _waiting_bytes(feed: Feed, plan: TilePlan, planes: int) -> int:
    """Return what is read ahead of the network, or waits to be finished, at most."""
    scale = plan.size / feed.views[0].size
    images = round(sum((view.size * scale) ** 2 * 3 for view in feed.views))
    cells = WAITING * feed.readers * planes * CELL**2 * 4
    return images * (feed.readers + 3 * feed.batch) + cells


def _result_bytes(job: Job, plan: TilePlan, trial: Trial, pixels: float) -> float:
    cells = -(-plan.width // CELL) * -(-plan.height // CELL)
    side = min(MAX_SIDE, max(job.slide.width, job.slide.height))
    picture = PICTURE_BYTES * pixels * (side / max(plan.width, plan.height)) ** 2
    class_map = LEVELS * (cells * EMPTY_BYTES + pixels * trial.labels)
    return class_map + picture + pixels * (trial.features + trial.layers * LEVELS)


def _memory() -> int:
    """Return the most bytes of main memory that the process has had."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


def _size(count: int) -> str:
    return f"{count / 1e9:,.2f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"
