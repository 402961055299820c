"""Compare class maps with annotations, window by window, slide by slide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Case, Cohort
from carcinomap.errors import CarcinomapError, InputError
from carcinomap.evaluation.confusion import Confusion
from carcinomap.evaluation.pairing import Pair, pair_with_maps
from carcinomap.evaluation.report import write_report
from carcinomap.evaluation.scores import CaseScores, Scores
from carcinomap.evaluation.truth import Truth
from carcinomap.files import write_json
from carcinomap.progress import Advance, progress
from carcinomap.segmentation import ClassMap
from carcinomap.slide import Slide

WINDOW = 2048
"""Side in map pixels of what is compared at once."""


def evaluate_cohort(
    cohort: Cohort,
    predictions: str | Path,
    output: str | Path,
    scheme: ClassScheme | None = None,
    overwrite: bool = False,
    roi: Sequence[str] = (),
) -> Scores:
    """Score the maps of a cohort; write ``scores.json`` and ``report.html``.

    A slide that cannot be scored does not stop the others: the result names it.

    Args:
        cohort: The annotated slides.
        predictions: Folder of class maps, ``NAME.ome.tif`` for the slide ``NAME``.
        output: Folder to write to.
        scheme: The classes; the maps' own where None.
        overwrite: Replace an existing ``scores.json``.
        roi: Labels of regions of interest, beside those of the scheme.

    Raises:
        InputError: No annotated slide has a map; maps differ in classes or mpp; or the output
            exists.
        CarcinomapError: Not one slide could be scored.
    """
    output = Path(output)
    target = output / "scores.json"
    if target.exists() and not overwrite:
        raise InputError(f"{target}: exists already; --overwrite replaces it")
    pairing = pair_with_maps(cohort, Path(predictions), scheme)
    scheme = pairing.scheme.with_roi(*roi)
    cases, failures = _evaluate_all(pairing.pairs, scheme)
    failures = pairing.failures | failures
    if not cases:
        raise CarcinomapError("not one slide could be scored:\n" + "\n".join(failures.values()))
    scores = Scores(
        scheme=scheme,
        mpp=pairing.pairs[0].mpp,
        cases=cases,
        unmapped=pairing.unmapped,
        unannotated=pairing.unannotated,
        failures=failures,
    )
    write_report(scores, output / "report.html")
    write_json(target, scores.to_dict())
    return scores


def evaluate_case(
    case: Case,
    class_map: ClassMap,
    scheme: ClassScheme,
    advance: Advance | None = None,
    window: int = WINDOW,
) -> CaseScores:
    """Count how the map of one slide agrees with its annotation.

    Args:
        case: A case that has an annotation.
        class_map: The map of its slide.
        scheme: The classes, as many as the map has.
        advance: Told how many million map pixels are done.
        window: Side in map pixels of what is compared at once; the result does not depend on it.

    Raises:
        InputError: Slide or annotation cannot be read, a label is unknown, or the map is of
            another slide or has an index that is no class.
    """
    confusion = Confusion.empty(len(scheme))
    with case.open_slide() as slide:
        _check_size(class_map, slide)
        truth = Truth.of(case, slide, scheme)
        ratio = class_map.mpp / slide.mpp
        for x, y, width, height in _windows(class_map.width, class_map.height, window):
            prediction = class_map.window(x, y, width, height)
            true = truth.window(x * ratio, y * ratio, width, height, class_map.mpp)
            counted = true.counted(prediction)
            try:
                confusion += Confusion.of(true.labels, prediction, len(scheme), counted)
            except ValueError as error:
                raise InputError(f"{class_map.path}: {error} ({len(scheme)})") from error
            if advance is not None:
                advance(width * height / 1e6, case.name)
    note = truth.annotations.summary()
    return CaseScores(case, class_map.path, scheme, class_map.mpp, confusion, note)


def _evaluate_all(
    pairs: tuple[Pair, ...], scheme: ClassScheme
) -> tuple[tuple[CaseScores, ...], dict[str, str]]:
    """Score every pair, and return the error of each that cannot be."""
    cases: list[CaseScores] = []
    failures: dict[str, str] = {}
    with progress("evaluate", sum(pair.pixels for pair in pairs) / 1e6, "Mpx") as advance:
        for pair in pairs:
            try:
                with ClassMap.open(pair.path) as class_map:
                    cases.append(evaluate_case(pair.case, class_map, scheme, advance))
            except (CarcinomapError, OSError) as error:
                failures[pair.case.name] = str(error)
    return tuple(cases), failures


def _check_size(class_map: ClassMap, slide: Slide) -> None:
    """Raise InputError where the map cannot be of this slide."""
    width, height = slide.size_at(class_map.mpp)
    if max(abs(class_map.width - width), abs(class_map.height - height)) > 1:
        raise InputError(
            f"{class_map.path}: {class_map.width} × {class_map.height} pixels, but {slide.path} "
            f"has {width} × {height} at {class_map.mpp:g} mpp; is it the map of another slide, "
            "or made with another --mpp?"
        )


def _windows(width: int, height: int, side: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield (x, y, width, height) of windows that cover the map once."""
    for y in range(0, height, side):
        for x in range(0, width, side):
            yield x, y, min(side, width - x), min(side, height - y)
