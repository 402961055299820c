"""Which slide has which prediction, and whether those can be scored together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Case, Cohort, Finding
from carcinomap.cohort.finding import in_short
from carcinomap.cohort.pairing import AnnotationFiles
from carcinomap.errors import CarcinomapError, InputError
from carcinomap.evaluation.prediction import Prediction, map_name, open_prediction
from carcinomap.evaluation.settings import EvaluationSettings


@dataclass(frozen=True)
class Pair:
    """An annotated slide and its prediction: a class map, or a second reader's annotation.

    Attributes:
        case: The annotated slide.
        path: The prediction.
        classes: The prediction's classes.
        mpp: Microns per pixel of the prediction.
        pixels: Width × height of the prediction.
    """

    case: Case
    path: Path
    classes: ClassScheme
    mpp: float
    pixels: int

    def open(self) -> Prediction:
        """Open the prediction; a context manager.

        Raises:
            InputError: It cannot be read, or has a label that is no class.
        """
        return open_prediction(self.path, self.case, self.classes, self.mpp)


@dataclass(frozen=True)
class Pairing:
    """What of a cohort can be scored, and what is left out and why.

    Attributes:
        pairs: Annotated slides with a prediction, at least one; all of one mpp and one scheme,
            and either all maps or all annotations.
        scheme: The classes to score.
        unmapped: Names of the annotated slides that have no prediction.
        unannotated: Names of the slides that have no annotation.
        failures: Why a prediction cannot be read, by the name of its slide.
        notes: What a user should know of how annotations were found.
    """

    pairs: tuple[Pair, ...]
    scheme: ClassScheme
    unmapped: tuple[str, ...]
    unannotated: tuple[str, ...]
    failures: dict[str, str]
    notes: tuple[str, ...] = ()


def pair_with_predictions(
    cohort: Cohort,
    predictions: Path,
    scheme: ClassScheme | None,
    settings: EvaluationSettings,
    roi: Sequence[str] = (),
) -> Pairing:
    """Find the map ``NAME.ome.tif`` of every annotated slide ``NAME``, or its second annotation.

    Annotations are found by name and content, as those of a cohort are.

    Args:
        cohort: The slides.
        predictions: Folder of the maps, or of the annotations, sub-folders included.
        scheme: The classes; where None, the maps' own, or those annotations are read with.
        settings: Says at what mpp annotations are compared.
        roi: Labels of regions of interest, beside those of the scheme.

    Raises:
        InputError: No annotated slide has a prediction that can be read; some have maps and
            others annotations; or maps differ in classes from the scheme or from one another, or
            in mpp.
    """
    annotated = [case for case in cohort.cases if case.annotation is not None]
    if not annotated:
        raise InputError(f"{cohort.source}: no slide has an annotation to compare a map with")
    found = _find(cohort, annotated, predictions)
    classes = scheme or cohort.scheme or ClassScheme.default()
    if not found.maps:  # maps bring their classes, and one of the default's may be a region there
        classes = classes.with_roi(*roi)
    pairs, unread = _read_heads(annotated, found.files, classes, settings.mpp)
    failures = found.failures | unread
    if not pairs:
        what = "map" if found.maps else "second annotation"
        raise InputError(f"no {what} can be read:\n" + "\n".join(failures.values()))
    _check_alike(pairs, scheme)
    return Pairing(
        pairs=tuple(pairs),
        scheme=(scheme or pairs[0].classes).with_roi(*roi),
        unmapped=tuple(case.name for case in annotated if case.name not in found.files | failures),
        unannotated=tuple(case.name for case in cohort.cases if case.annotation is None),
        failures=failures,
        notes=found.notes,
    )


@dataclass(frozen=True)
class _Found:
    """Predictions, by the names of their slides.

    Attributes:
        maps: Whether they are class maps.
        files: The predictions.
        failures: Why a slide has none that could be told.
        notes: What to tell of how they were found.
    """

    maps: bool
    files: dict[str, Path]
    failures: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def _find(cohort: Cohort, annotated: Sequence[Case], predictions: Path) -> _Found:
    """Find the predictions of annotated slides: all of them maps, or all annotations."""
    paths = {case.name: predictions / map_name(case) for case in annotated}
    maps = {name: path for name, path in paths.items() if path.exists()}
    unmapped = [case for case in annotated if case.name not in maps]
    second = _second_annotations(cohort, unmapped, predictions)
    if maps and second.files:
        one, other = (next(iter(files.values())) for files in (maps, second.files))
        raise InputError(
            f"{one} is a class map, but {other} an annotation; evaluate maps and annotations "
            "apart, from a folder each"
        )
    if maps:
        return _Found(True, maps)
    if not (second.files or second.failures):
        raise InputError(
            f"{predictions}: no map of any annotated slide of {cohort.source}, nor an annotation "
            f"beside the true one; expected files like {map_name(annotated[0])}, or "
            f"{annotated[0].name}.xml of a second reader"
        )
    return second


def _second_annotations(cohort: Cohort, cases: Iterable[Case], folder: Path) -> _Found:
    """Find the annotations of some cases in a folder, other than those that are the truth."""
    files: dict[str, Path] = {}
    findings: list[Finding] = []
    candidates = AnnotationFiles([folder], (case.slide for case in cohort.cases))
    for case in cases:
        file, told = candidates.of(case.slide)
        findings += told
        if isinstance(file, Path) and not _is_truth(file, case):
            files[case.name] = file
    failures = {one.slide: one.message for one in findings if one.severity == "error"}
    notes = in_short(one for one in findings if one.severity != "error")
    return _Found(False, files, failures, notes)


def _is_truth(file: Path, case: Case) -> bool:
    """Say whether a file is a case's own annotation, which agrees with itself."""
    return case.annotation is not None and file.resolve() == case.annotation.resolve()


def _read_heads(
    annotated: Iterable[Case], files: Mapping[str, Path], classes: ClassScheme, mpp: float
) -> tuple[list[Pair], dict[str, str]]:
    """Return the predictions that open, and the error of each that does not."""
    pairs: list[Pair] = []
    failures: dict[str, str] = {}
    for case in annotated:
        if case.name not in files:
            continue
        path = files[case.name]
        try:
            with open_prediction(path, case, classes, mpp) as head:
                pairs.append(Pair(case, path, head.classes, head.mpp, head.width * head.height))
        except (CarcinomapError, OSError) as error:
            failures[case.name] = str(error)
    return pairs, failures


def _check_alike(pairs: list[Pair], scheme: ClassScheme | None) -> None:
    """Raise InputError unless all have the scheme's classes, in its order, and one mpp."""
    first = pairs[0]
    expected, origin = (first.classes, first.path) if scheme is None else (scheme, "--classes")
    for pair in pairs:
        names = pair.classes.names
        if [expected.index(name) for name in names] != list(range(len(expected))):
            raise InputError(
                f"{pair.path}: its classes ({', '.join(names)}) are not those of "
                f"{origin} ({', '.join(expected.names)})"
            )
        if abs(pair.mpp / first.mpp - 1) > 1e-6:
            raise InputError(
                f"{pair.path}: {pair.mpp:g} mpp, but {first.path} has {first.mpp:g}; "
                "pixels of different size cannot be pooled, so evaluate these maps apart"
            )
