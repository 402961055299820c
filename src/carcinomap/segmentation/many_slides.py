"""One slide after the other; one that fails does not stop the others."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from carcinomap.errors import InputError
from carcinomap.segmentation.dry_run import Estimate, estimate
from carcinomap.segmentation.job import Job
from carcinomap.segmentation.mapping.interest import read_interest
from carcinomap.segmentation.mapping.map_slide import inference, plan_of
from carcinomap.segmentation.mapping.normalising import target_of
from carcinomap.segmentation.one_slide import Segmentation, segment_slide
from carcinomap.segmentation.results.outputs import Outputs
from carcinomap.segmentation.settings import SegmentationSettings
from carcinomap.slide import find_slides, open_slide

if TYPE_CHECKING:
    from carcinomap.model import Model, Runtime

RUN_MODEL = "model.safetensors"
"""The model in the folder of a training run."""


@dataclass(frozen=True)
class Segmentations:
    """The results of many slides.

    Attributes:
        done: Those that were segmented now or before, in the order asked for.
        failures: The others, with what went wrong.
        notes: Why the folder's table or its page is not up to date.
    """

    done: tuple[Segmentation, ...]
    failures: tuple[tuple[Path, Exception], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Estimates:
    """What many slides will take.

    Attributes:
        slides: One estimate each.
        failures: The slides that cannot be mapped, with what is wrong.
    """

    slides: tuple[Estimate, ...]
    failures: tuple[tuple[Path, Exception], ...]


def segment(
    slides: str | Path | Sequence[str | Path],
    model: str | Path | Sequence[str | Path],
    output: str | Path,
    settings: SegmentationSettings | None = None,
    *,
    roi: str | Path | None = None,
    mpp: float | None = None,
    device: str = "auto",
    threads: int | None = None,
    overwrite: bool = False,
) -> Segmentations:
    """Map slides with a trained model, or with several that vote.

    Args:
        slides: Slides, folders of slides, or patterns such as ``"batch-3/*.svs"``.
        model: A model file, or the folder of a training run; of several, and of the folds of a
            cross-validation, the probabilities are averaged.
        output: Folder to write ``NAME.ome.tif``, ``.geojson``, ``.png`` and ``.json`` to, and
            ``summary.csv`` and ``index.html`` of all that is in it then.
        settings: The defaults where None.
        roi: An annotation file, or a folder with one for each slide: only what lies inside its
            regions is mapped.
        mpp: Microns per level-0 pixel of all slides; None takes each file's own.
        device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:1``.
        threads: Threads to compute with on the CPU; all that the process may use by default.
        overwrite: Replace results that are there, and throw away unfinished ones of another model
            or of other settings, instead of keeping them.

    Raises:
        InputError: A model cannot be used, they do not fit together, there is no such device, or
            two slides have the same name.
    """
    found, missing = _found(slides)
    runtime, models = open_models(model, device, threads)
    return segment_slides(found, runtime, models, output, settings, mpp, overwrite, roi, missing)


def open_models(
    model: str | Path | Sequence[str | Path], device: str, threads: int | None
) -> "tuple[Runtime, list[Model]]":
    """Return what executes a model, or the average of several, and what is executed.

    Raises:
        InputError: See ``segment``.
    """
    from carcinomap.model import open_model, open_runtime  # noqa: PLC0415 - takes a second
    from carcinomap.model.ensemble import Ensemble  # noqa: PLC0415

    paths = [model] if isinstance(model, str | Path) else model
    models = [open_model(file) for path in paths for file in model_files(Path(path))]
    runtimes = [open_runtime(loaded, device, threads) for loaded in models]
    return (runtimes[0] if len(runtimes) == 1 else Ensemble(runtimes)), models


def model_files(path: Path) -> list[Path]:
    """Return a model file as it is; of a run's folder the model, or those of all its folds.

    Raises:
        InputError: There is no model in the folder, or not yet in one of its folds.
    """
    if not path.is_dir():
        return [path]
    runs = [path] if (path / RUN_MODEL).is_file() else sorted(path.glob("fold-*"))
    if not runs:
        raise InputError(
            f"{path}: no model in this folder, neither {RUN_MODEL} nor fold-*/{RUN_MODEL}; "
            "has the training ended?"
        )
    files = [run / RUN_MODEL for run in runs]
    for file in files:
        if not file.is_file():
            raise InputError(
                f"{file.parent}: this fold has no {RUN_MODEL} yet; finish the training with "
                "--resume, or name the files of the models to use"
            )
    return files


def estimate_slides(
    slides: str | Path | Sequence[str | Path],
    model: str | Path | Sequence[str | Path],
    settings: SegmentationSettings | None = None,
    *,
    roi: str | Path | None = None,
    mpp: float | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> Estimates:
    """Tell what ``segment`` would take, slide by slide, and write nothing.

    Raises:
        InputError: See ``segment``.
    """
    found, failures = _found(slides)
    runtime, models = open_models(model, device, threads)
    settings = settings or SegmentationSettings()
    infer, _ = inference(runtime, settings)
    stain = target_of(models, settings)
    estimates: list[Estimate] = []
    for path in found:
        try:
            with open_slide(path, mpp) as slide:
                regions = None if roi is None else read_interest(Path(roi), slide)
                job = Job(slide, runtime, settings, regions, stain)
                estimates.append(estimate(job, *plan_of(job), infer))
        except InputError as error:
            failures.append((path, error))
    return Estimates(tuple(estimates), tuple(failures))


def _found(
    slides: str | Path | Sequence[str | Path],
) -> tuple[list[Path], list[tuple[Path, Exception]]]:
    """Return the slides that are there, and what is wrong with the others."""
    found: list[Path] = []
    missing: list[tuple[Path, Exception]] = []
    for path in [slides] if isinstance(slides, str | Path) else slides:
        try:
            found += find_slides(path)
        except InputError as error:
            missing.append((Path(path), error))
    return found, missing


def segment_slides(
    slides: Sequence[Path],
    runtime: "Runtime",
    model: "Model | Sequence[Model]",
    output: str | Path,
    settings: SegmentationSettings | None = None,
    mpp: float | None = None,
    overwrite: bool = False,
    roi: str | Path | None = None,
    missing: Sequence[tuple[Path, Exception]] = (),
) -> Segmentations:
    """Segment slides with a runtime that is open already; see ``segment`` and ``segment_slide``.

    ``missing`` are slides that were not found, and what is wrong; they are told with the others.

    Raises:
        InputError: Two slides have the same name, so that their results would too.
    """
    twice = [stem for stem, count in Counter(path.stem for path in slides).items() if count > 1]
    if twice:
        raise InputError(
            f"{twice[0]}: two slides have this name, and results are named after the slide; "
            "segment them into different folders"
        )
    done: list[Segmentation] = []
    failures = list(missing)
    seconds: dict[str, float] = {}
    try:
        for path in slides:
            try:
                started = time.perf_counter()
                begun = Outputs(Path(output), path.stem).partial.exists()
                with open_slide(path, mpp) as slide:
                    regions = None if roi is None else read_interest(Path(roi), slide)
                    one = segment_slide(slide, runtime, model, output, settings, overwrite, regions)
                done.append(one)
                if not (begun or one.skipped):
                    seconds[one.name] = time.perf_counter() - started
            except Exception as error:  # told at the end, with the name of the slide
                failures.append((path, error))
    finally:  # after Ctrl-C as well: what is finished can be looked at
        notes = _sum_up(Path(output), failures, seconds, overwrite)
    return Segmentations(tuple(done), tuple(failures), notes)


def _sum_up(
    folder: Path,
    failures: Sequence[tuple[Path, Exception]],
    seconds: Mapping[str, float],
    overwrite: bool,
) -> tuple[str, ...]:
    """Write the table and the page of a folder with maps; return what is in the way.

    Nothing is lost with them: the maps are there, and the next call writes both anew.
    """
    # Templates take longer to import than most commands need to start.
    from carcinomap.segmentation import gallery, summary  # noqa: PLC0415

    try:
        found = summary.summarise(folder, failures, seconds)
    except OSError as error:
        return (f"{folder}: its maps could not be summed up ({error.strerror or error})",)
    if not found.maps:
        return ()
    notes: list[str] = []
    for path, start, write in (
        (folder / summary.SUMMARY, summary.START, summary.write_summary),
        (folder / gallery.GALLERY, gallery.START, gallery.write_gallery),
    ):
        try:
            if overwrite or _begins(path, start):
                write(found, path)
            else:
                notes.append(f"{path}: left as it is, since carcinomap did not write it")
        except OSError as error:
            notes.append(f"{path}: could not be written ({error.strerror or error})")
    return tuple(notes)


def _begins(path: Path, start: bytes) -> bool:
    """Say whether a file begins as ours do, or is not there yet."""
    if not path.exists():
        return True
    with path.open("rb") as file:
        return file.read(len(start)) == start
