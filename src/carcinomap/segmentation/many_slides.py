"""Many slides: each is mapped on its own, and one that fails does not stop the others."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carcinomap.segmentation.asked import Asked, Missing, SlideList
from carcinomap.segmentation.folder.manifest import Run
from carcinomap.segmentation.identity import described
from carcinomap.segmentation.ledger import Ledger
from carcinomap.segmentation.models import CannotBeginError, ModelFiles, Opened, model_files
from carcinomap.segmentation.one_slide import Segmentation
from carcinomap.segmentation.settings import SegmentationSettings
from carcinomap.segmentation.tasks import Order, map_asked
from carcinomap.storage import AnyPath, as_path, check_takes_files
from carcinomap.work import Backend, Shard, Task
from carcinomap.work import run as run_tasks

if TYPE_CHECKING:
    from carcinomap.model import Model, Runtime


@dataclass(frozen=True)
class Segmentations:
    """The results of many slides.

    Attributes:
        done: Those that were segmented now or before, in the order asked for.
        failures: The others, with what went wrong.
        notes: Why what a folder says of itself is not up to date.
        bare: Names of the slides in which no tissue was found, of those mapped now: their maps say
            nothing.
    """

    done: tuple[Segmentation, ...]
    failures: tuple[Missing, ...]
    notes: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()


def segment(
    slides: str | AnyPath | Sequence[str | AnyPath] | SlideList,
    model: str | Path | Sequence[str | Path],
    output: str | AnyPath,
    settings: SegmentationSettings | None = None,
    *,
    roi: str | Path | None = None,
    mpp: float | None = None,
    device: str = "auto",
    threads: int | None = None,
    overwrite: bool = False,
    shard: Shard | None = None,
    backend: Backend | None = None,
) -> Segmentations:
    """Map slides with a trained model, or with several that vote.

    Args:
        slides: Slides, folders of slides, patterns such as ``"batch-3/*.svs"``, CSV tables with a
            column ``slide``, or ``-`` for a list of these on standard input; or a ``SlideList``.
        model: A model file, or the folder of a training run; of several, and of the folds of a
            cross-validation, the probabilities are averaged.
        output: Folder to write ``NAME.ome.tif``, ``.geojson``, ``.png`` and ``.json`` to,
            ``summary.csv`` and ``index.html`` of all that is in it then, and of this run
            ``run.json`` and, if slides failed, ``failures.csv``.
        settings: The defaults where None.
        roi: An annotation file, or a folder with one for each slide: only what lies inside its
            regions is mapped.
        mpp: Microns per level-0 pixel of all slides; None takes each file's own.
        device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:1``.
        threads: Threads to compute with on the CPU; all that the process may use by default.
        overwrite: Replace results that are there, and throw away unfinished ones of another model
            or of other settings, instead of keeping them.
        shard: Only this part of the slides; its ``run.json`` and ``failures.csv`` carry its number.
        backend: Where the slides are mapped; one after the other in this process where None.

    Raises:
        InputError: A model cannot be used, they do not fit together, there is no such device, or
            two slides have the same name.
    """
    asked = slides if isinstance(slides, SlideList) else SlideList.of(slides, mpp)
    asked.check_names()
    files = ModelFiles(model_files(model), device, threads)
    models = files.models()
    order = Order(
        files if backend else Opened(*files.open()),
        as_path(output),
        settings or SegmentationSettings(),
        None if roi is None else Path(roi),
        overwrite,
    )
    options = {
        "roi": None if roi is None else str(as_path(roi)),
        "mpp": mpp,
        "device": device,
        "threads": threads,
        "models": [str(as_path(file)) for file in files.files],
    }
    return _segment_all(asked, order, models, options, shard, backend)


def segment_slides(
    slides: Sequence[AnyPath],
    runtime: "Runtime",
    model: "Model | Sequence[Model]",
    output: str | AnyPath,
    settings: SegmentationSettings | None = None,
    mpp: float | None = None,
    overwrite: bool = False,
    roi: str | Path | None = None,
) -> Segmentations:
    """Segment slides with a runtime that is open already; see ``segment`` and ``segment_slide``.

    Raises:
        InputError: Two slides have the same name, so that their results would too.
    """
    models = list(model) if isinstance(model, Sequence) else [model]
    order = Order(
        Opened(runtime, models),
        as_path(output),
        settings or SegmentationSettings(),
        None if roi is None else Path(roi),
        overwrite,
    )
    asked = SlideList(tuple(Asked(as_path(path), mpp) for path in slides))
    asked.check_names()
    return _segment_all(asked, order, models, {})


def _segment_all(
    asked: SlideList,
    order: Order,
    models: "Sequence[Model]",
    options: Mapping[str, Any],
    shard: Shard | None = None,
    backend: Backend | None = None,
) -> Segmentations:
    """Map slides, and write down what became of each, whatever happens."""
    begun = datetime.now(UTC)
    check_takes_files(order.output)
    wanted = asked.part(shard)
    ledger = Ledger(wanted)
    tasks = [Task(one.name, map_asked, (one, order), order.files(one)) for one in wanted.slides]
    able, notes = True, tuple[str, ...]()
    try:
        with closing(run_tasks(tasks, backend, "mapping")) as outcomes:
            for outcome in outcomes:
                if isinstance(outcome.error, CannotBeginError):
                    able = False
                    raise outcome.error
                ledger.add(outcome)
    finally:  # after Ctrl-C as well: what is finished can be looked at
        parts = {"shard": shard and str(shard), "backend": backend and str(backend)}
        run = Run(
            begun,
            described(models),
            order.settings.model_dump(mode="json"),
            {**options, **parts},
            ledger.runs,
        )
        # Templates take longer to import than most commands need to start.
        from carcinomap.segmentation.folder.sum_up import sum_up  # noqa: PLC0415

        if able:
            notes = sum_up(order.output, run, shard.suffix if shard else "", order.overwrite)
    return Segmentations(ledger.done(order.output), ledger.failures, notes, ledger.bare)
