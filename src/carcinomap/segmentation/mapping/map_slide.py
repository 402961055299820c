"""From a slide to a spool that holds all cells of its map."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from carcinomap.segmentation.job import Job
from carcinomap.segmentation.mapping.blending import Blender
from carcinomap.segmentation.mapping.finishing import Finisher
from carcinomap.segmentation.mapping.interest import Interest
from carcinomap.segmentation.mapping.pipeline import Feed, Images, map_tiles
from carcinomap.segmentation.mapping.plan import TilePlan
from carcinomap.segmentation.results.outputs import PROBABILITIES, UNCERTAINTY, Outputs
from carcinomap.segmentation.results.planes import Channel, Planes
from carcinomap.segmentation.settings import SegmentationSettings
from carcinomap.segmentation.unfinished.spool import Spool
from carcinomap.slide import find_artefacts, find_tissue

if TYPE_CHECKING:
    from carcinomap.model import Runtime

Infer = Callable[[Iterator[Images]], Iterator[NDArray[np.float32]]]


def plan_of(job: Job) -> tuple[TilePlan, Interest]:
    """Return the tiles that a slide needs, and what of it is to be mapped.

    Raises:
        InputError: The slide's pixels cannot be read, or the settings do not fit the network.
    """
    with ThreadPoolExecutor(1, "runtime") as pool:
        # To know it the runtime prepares itself, which needs no more than a core either.
        preparing = pool.submit(lambda: job.runtime.any_size)
        tissue = find_tissue(job.slide)
        if job.settings.skip_artefacts:
            tissue = find_artefacts(job.slide, tissue).clean(tissue)
        mask = Interest(tissue, job.regions)
        # Not left to the end of the block: a thread that is joined when Ctrl-C comes counts as
        # ended, though it is not (python/cpython#90882), and Python's own end would meet it.
        any_size = preparing.result()

    def wanted(*box: int) -> bool:
        x, y, width, height = (length * job.ratio for length in box)
        return mask.fraction(x, y, width, height) > 0

    settings, side = job.settings, job.runtime.side
    tiles = (side or settings.tile, settings.overlap, job.runtime.stride)
    fitted = any_size and settings.batch in (None, 1)  # a batch is of one shape
    return TilePlan.of(*job.size, *tiles, wanted, fitted, side or 0), mask


def map_slide(job: Job, spool: Spool, inside: Outputs) -> None:
    """Bring all cells of the map into the spool, but those that are there already.

    Args:
        job: The slide.
        spool: What is finished of it.
        inside: Where planes of probabilities go, and cells that wait.

    Raises:
        InputError: See ``plan_of``.
        CarcinomapError: The network gives no numbers.
    """
    plan, mask = plan_of(job)
    infer, planes = inference(job.runtime, job.settings)
    finish = Finisher(job, plan, mask, spool, *_planes(job, planes, inside))
    with Blender(plan, planes, inside.folder / "sums", set(spool.keys(0))) as blender:
        finish.expect(blender.to_come)
        feed = Feed.of(job, plan, mask)
        map_tiles(feed, infer, blender, finish)
        finish.outline_the_rest()


def inference(runtime: "Runtime", settings: SegmentationSettings) -> tuple[Infer, int]:
    """Return what makes values of batches, and how many planes of them."""
    from carcinomap.model.ensemble import Ensemble  # noqa: PLC0415 - `model` is imported late

    if settings.tta:
        runtime = Ensemble.turning(runtime)
    if settings.uncertainty and isinstance(runtime, Ensemble) and runtime.opinions > 1:
        return runtime.run_with_entropy, len(runtime.classes) + 1
    return runtime.run, len(runtime.classes)


def _planes(job: Job, planes: int, inside: Outputs) -> tuple[Planes | None, Planes | None]:
    """Return where probabilities and uncertainty go, if they are wanted."""
    wanted = {
        PROBABILITIES: [Channel(one.name, one.colour) for one in job.classes.classes],
        UNCERTAINTY: [Channel("entropy", "#ffffff"), Channel("disagreement", "#ff0000")][
            : 1 + planes - len(job.classes)
        ],
    }
    probabilities, uncertainty = (
        Planes.create(inside.path(suffix), *job.size, job.mpp, channels, job.slide.name)
        if asked
        else None
        for asked, (suffix, channels) in zip(
            (job.settings.probabilities, job.settings.uncertainty), wanted.items(), strict=True
        )
    )
    return probabilities, uncertainty
