"""Compare class maps with annotations, window by window, slide by slide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Case, Cohort
from carcinomap.errors import CarcinomapError, InputError
from carcinomap.evaluation.boundaries import Boundaries
from carcinomap.evaluation.calibration import Calibration
from carcinomap.evaluation.confusion import Confusion
from carcinomap.evaluation.counts import Counts
from carcinomap.evaluation.detail import Detail
from carcinomap.evaluation.disagreements import disagreements
from carcinomap.evaluation.intervals import patient_intervals
from carcinomap.evaluation.known_model import KnownModel
from carcinomap.evaluation.pairing import Pair, pair_with_predictions
from carcinomap.evaluation.prediction import Prediction
from carcinomap.evaluation.regions import Regions
from carcinomap.evaluation.report import write_report
from carcinomap.evaluation.score_file import NAME, write_scores
from carcinomap.evaluation.scores import CaseScores, Scores
from carcinomap.evaluation.settings import EvaluationSettings
from carcinomap.evaluation.truth import Truth
from carcinomap.evaluation.windows import windows
from carcinomap.progress import progress
from carcinomap.segmentation import PROBABILITIES, Planes
from carcinomap.slide import Slide
from carcinomap.work import Backend, Task, run

WINDOW = 2048
"""Side in map pixels of what is compared at once."""


def evaluate_cohort(
    cohort: Cohort,
    predictions: str | Path,
    output: str | Path,
    scheme: ClassScheme | None = None,
    overwrite: bool = False,
    roi: Sequence[str] = (),
    *,
    settings: EvaluationSettings | None = None,
    model: str | Path | None = None,
    seed: int = 0,
    backend: Backend | None = None,
) -> Scores:
    """Score the maps of a cohort; write ``scores.json`` and ``report.html``.

    A slide that cannot be scored does not stop the others: the result names it.

    Args:
        cohort: The annotated slides.
        predictions: Folder of class maps, ``NAME.ome.tif`` for the slide ``NAME``; or of a second
            reader's annotations.
        output: Folder to write to.
        scheme: The classes; the maps' own where None.
        overwrite: Replace an existing ``scores.json``.
        roi: Labels of regions of interest, beside those of the scheme.
        settings: How to compare; the defaults where None.
        model: The model that made the maps, or its run, for what it had seen before.
        seed: Of the intervals.
        backend: What compares the slides; this process, one after the other, where None.

    Raises:
        InputError: No annotated slide has a map; maps differ in classes or mpp; the model cannot
            be read; or the output exists.
        CarcinomapError: Not one slide could be scored.
    """
    output = Path(output)
    target = output / NAME
    if target.exists() and not overwrite:
        raise InputError(f"{target}: exists already; --overwrite replaces it")
    settings = settings or EvaluationSettings()
    known = None if model is None else KnownModel.of(Path(model))
    pairing = pair_with_predictions(cohort, Path(predictions), scheme, settings, roi)
    scheme = pairing.scheme
    output.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=output):  # what cannot be written to is told before the work, not after
        pass
    cases, failures = _evaluate_all(pairing.pairs, scheme, settings, backend)
    failures = pairing.failures | failures
    if not cases:
        raise CarcinomapError("not one slide could be scored:\n" + "\n".join(failures.values()))
    scores = Scores(
        scheme=scheme,
        mpp=pairing.pairs[0].mpp,
        settings=settings,
        cases=cases,
        unmapped=pairing.unmapped,
        unannotated=pairing.unannotated,
        failures=failures,
        intervals=patient_intervals(cases, scheme, settings, seed),
        known=known,
        warnings=_warnings(cases, known),
        notes=(*pairing.notes, *(case.note for case in cases if case.note)),
    )
    write_report(scores, output / "report.html")
    write_scores(scores, target)
    return scores


def evaluate_case(
    case: Case,
    prediction: Prediction,
    scheme: ClassScheme,
    settings: EvaluationSettings | None = None,
    *,
    probabilities: Planes | None = None,
    window: int = WINDOW,
) -> CaseScores:
    """Count how the map of one slide agrees with its annotation.

    Args:
        case: A case that has an annotation.
        prediction: The map of its slide.
        scheme: The classes, as many as the map has.
        settings: How to compare; the defaults where None.
        probabilities: Of the classes, pixel by pixel of the map, where they were kept.
        window: Side in map pixels of what is compared at once; the result does not depend on it.

    Raises:
        InputError: Slide or annotation cannot be read, a label is unknown, or the map is of
            another slide or has an index that is no class.
    """
    settings = settings or EvaluationSettings()
    with case.open_slide() as slide:
        _check_size(prediction, slide)
        truth = Truth.of(case, slide, scheme)
        confusion, calibration = Confusion.empty(len(scheme)), Calibration.empty(len(scheme))
        megapixels = prediction.width * prediction.height / 1e6
        with progress(case.name, megapixels, "Mpx") as advance:
            for box in windows(prediction.width, prediction.height, window):
                of_window = _count(truth, prediction, probabilities, box)
                confusion, calibration = confusion + of_window[0], calibration + of_window[1]
                advance(box[2] * box[3] / 1e6)
        detail = Detail.of(truth, prediction, settings.detail_mpp)
    counts = Counts(
        confusion,
        Boundaries.of(detail, len(scheme)),
        Regions.of(detail, len(scheme), settings.min_region_um2, settings.overlap),
        calibration,
    )
    note = "\n".join(filter(None, (truth.annotations.summary(), prediction.note)))
    worst = disagreements(detail)
    return CaseScores(case, prediction.path, scheme, prediction.mpp, counts, worst, note)


def _count(
    truth: Truth,
    prediction: Prediction,
    probabilities: Planes | None,
    box: tuple[int, int, int, int],
) -> tuple[Confusion, Calibration]:
    """Count the pixels of one window (x, y, width, height) of the map."""
    x, y, width, height = box
    classes, ratio = len(truth.scheme), prediction.mpp / truth.slide.mpp
    labels = prediction.window(*box)
    true = truth.window(x * ratio, y * ratio, width, height, prediction.mpp)
    counted = true.counted(labels)
    excluded = prediction.excluded(*box)
    if excluded is not None:
        counted &= ~excluded
    try:
        confusion = Confusion.of(true.labels, labels, classes, counted)
    except ValueError as error:
        raise InputError(f"{prediction.path}: {error} ({classes})") from error
    if probabilities is None:
        return confusion, Calibration.empty(classes)
    return confusion, Calibration.of(true.labels, probabilities.window(*box), counted)


def _evaluate_all(
    pairs: Sequence[Pair],
    scheme: ClassScheme,
    settings: EvaluationSettings,
    backend: Backend | None,
) -> tuple[tuple[CaseScores, ...], dict[str, str]]:
    """Score every pair, and return the error of each that cannot be; both in their order."""
    tasks = [
        Task(pair.case.name, _evaluate_pair, (pair, scheme, settings), pair.case.files)
        for pair in pairs
    ]
    outcomes = sorted(run(tasks, backend, "comparing"), key=lambda one: one.index)
    cases = tuple(one.result for one in outcomes if one.error is None)
    failures = {one.name: str(one.error) for one in outcomes if one.error is not None}
    return cases, failures


def _evaluate_pair(pair: Pair, scheme: ClassScheme, settings: EvaluationSettings) -> CaseScores:
    planes = _probabilities(pair, scheme)
    with pair.open() as prediction:
        return evaluate_case(pair.case, prediction, scheme, settings, probabilities=planes)


def _probabilities(pair: Pair, scheme: ClassScheme) -> Planes | None:
    """Open the probabilities beside a map, if they were kept.

    Raises:
        InputError: They are broken, or of other classes than the map.
    """
    path = pair.path.with_name(pair.case.name + PROBABILITIES)
    if not path.is_dir():
        return None
    planes = Planes.open(path)
    names = tuple(channel.name for channel in planes.channels)
    if names != scheme.names:
        raise InputError(f"{path}: planes of {', '.join(names)}, not of {', '.join(scheme.names)}")
    return planes


def _warnings(cases: Sequence[CaseScores], known: KnownModel | None) -> tuple[str, ...]:
    if known is None:
        return ()
    maps = [case.prediction for case in cases]
    return known.warnings([case.case for case in cases], maps)


def _check_size(prediction: Prediction, slide: Slide) -> None:
    """Raise InputError where the map cannot be of this slide."""
    width, height = slide.size_at(prediction.mpp)
    if max(abs(prediction.width - width), abs(prediction.height - height)) > 1:
        raise InputError(
            f"{prediction.path}: {prediction.width} × {prediction.height} pixels, but "
            f"{slide.path} has {width} × {height} at {prediction.mpp:g} mpp; is it the map of "
            "another slide, or made with another --mpp?"
        )
