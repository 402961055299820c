"""What many slides will take, told slide by slide before they are mapped."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from carcinomap.errors import CarcinomapError
from carcinomap.segmentation.asked import Missing, SlideList
from carcinomap.segmentation.dry_run import Estimate, estimate
from carcinomap.segmentation.job import Job
from carcinomap.segmentation.mapping.interest import read_interest
from carcinomap.segmentation.mapping.map_slide import inference, plan_of
from carcinomap.segmentation.mapping.normalising import target_of
from carcinomap.segmentation.models import open_models
from carcinomap.segmentation.settings import SegmentationSettings
from carcinomap.slide import open_slide
from carcinomap.storage import AnyPath
from carcinomap.work import Shard


@dataclass(frozen=True)
class Estimates:
    """What many slides will take.

    Attributes:
        slides: One estimate each.
        failures: The slides that cannot be mapped, with what is wrong.
    """

    slides: tuple[Estimate, ...]
    failures: tuple[Missing, ...]


def estimate_slides(
    slides: str | AnyPath | Sequence[str | AnyPath] | SlideList,
    model: str | Path | Sequence[str | Path],
    settings: SegmentationSettings | None = None,
    *,
    roi: str | Path | None = None,
    mpp: float | None = None,
    device: str = "auto",
    threads: int | None = None,
    shard: Shard | None = None,
) -> Estimates:
    """Tell what ``segment`` would take, slide by slide, and write nothing.

    Raises:
        InputError: See ``segment``.
    """
    found = slides if isinstance(slides, SlideList) else SlideList.of(slides, mpp)
    failures = list(found.missing)
    runtime, models = open_models(model, device, threads)
    settings = settings or SegmentationSettings()
    infer, _ = inference(runtime, settings)
    stain = target_of(models, settings)
    estimates: list[Estimate] = []
    for asked in found.part(shard).slides:
        try:
            with open_slide(asked.path, asked.mpp) as slide:
                regions = None if roi is None else read_interest(Path(roi), slide)
                job = Job(slide, runtime, settings, regions, stain)
                estimates.append(estimate(job, *plan_of(job), infer))
        except (CarcinomapError, OSError) as error:
            failures.append((asked.path, error))
    return Estimates(tuple(estimates), tuple(failures))
