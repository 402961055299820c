"""The whole path on generated slides: train, map a slide never seen, score the map."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from carcinomap.cohort import read_cohort
from carcinomap.demo.generator import generate_cohort, generate_slide
from carcinomap.demo.settings import DemoSettings
from carcinomap.errors import InputError
from carcinomap.evaluation import Scores, evaluate_cohort
from carcinomap.files import write_json
from carcinomap.segmentation import SegmentationSettings, segment
from carcinomap.storage import AnyPath
from carcinomap.training import TrainingSettings, train

UNSEEN = 1_000_003  # its distance from the seed of the training slides


@dataclass(frozen=True)
class DemoResult:
    """What the demo left.

    Attributes:
        scores: The scores on the unseen slide.
        report: The report, to be opened in a browser.
        overview: The picture of the unseen slide under its map.
    """

    scores: Scores
    report: Path
    overview: AnyPath


def run_demo(
    output: str | Path, settings: DemoSettings | None = None, overwrite: bool = False
) -> DemoResult:
    """Generate slides, train on them, segment an unseen one, and evaluate it.

    Args:
        output: Folder: ``slides/``, ``unseen/``, ``run/``, ``maps/``, ``scores.json``,
            ``report.html``, and ``demo.json``, which says that all of these are a demo's.
        settings: How large.
        overwrite: Replace an earlier demo.

    Raises:
        InputError: The folder holds a demo already, or something else.
    """
    settings = settings or DemoSettings()
    output = Path(output)
    _prepare(output, settings, overwrite)
    generate_cohort(
        output / "slides", settings.slides, settings.seed, (settings.size, settings.size)
    )
    unseen = output / "unseen" / "unseen.svs"
    generate_slide(unseen, settings.seed + UNSEEN, (settings.size, settings.size))
    training = TrainingSettings(
        steps=settings.steps,
        validate_every=max(1, settings.steps // 2),
        validation_patches=64,
        seed=settings.seed,
        workers=settings.workers,
    )
    model = train(read_cohort(output / "slides"), output / "run", training).model
    maps = segment([unseen], model, output / "maps", SegmentationSettings())
    for _, error in maps.failures:
        raise error
    scores = evaluate_cohort(read_cohort(unseen), output / "maps", output, model=output / "run")
    return DemoResult(scores, output / "report.html", maps.done[0].overview)


MARK = "demo.json"
"""Says that what lies beside it was made by a demo."""

PARTS = ("slides", "unseen", "run", "maps", "scores.json", "report.html")


def _prepare(output: Path, settings: DemoSettings, overwrite: bool) -> None:
    """Make room, and touch nothing that is not the demo's own."""
    if output.exists() and not output.is_dir():
        raise InputError(f"{output}: not a folder")
    there = [output / part for part in PARTS if (output / part).exists()]
    if there and not (output / MARK).exists():
        raise InputError(
            f"{there[0]}: exists already, and no demo made it; choose another --output"
        )
    if there and not overwrite:
        raise InputError(f"{there[0]}: exists already; --overwrite replaces the demo")
    write_json(output / MARK, settings.model_dump(mode="json"))
    for part in there:
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink()
