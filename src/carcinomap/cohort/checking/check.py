"""Check a whole cohort before anybody trains on it: every slide, every annotation, the table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from carcinomap.annotation import ClassScheme
from carcinomap.cohort.case import Case, Cohort
from carcinomap.cohort.checking.slides import CheckedSlide, check_slide
from carcinomap.cohort.finding import SEVERITIES, Finding, listed
from carcinomap.cohort.reading import Survey, survey
from carcinomap.cohort.split import check_patients
from carcinomap.errors import InputError
from carcinomap.granted import allotted_cores
from carcinomap.storage import AnyPath
from carcinomap.work import Backend, LostError, Outcome, Task, Threads, run

_WORKERS = 8


@dataclass(frozen=True)
class CheckReport:
    """What checking a cohort brought.

    Attributes:
        source: The folder, table or slide.
        findings: The gravest first.
        slides: How many slides there are.
        annotated: How many have an annotation that can be read.
        patients: How many patients they are of.
        areas_mm2: Outlined area of every class; outlines that overlap count twice.
    """

    source: AnyPath
    findings: tuple[Finding, ...]
    slides: int
    annotated: int
    patients: int
    areas_mm2: dict[str, float]

    @property
    def safe(self) -> bool:
        """Whether nothing speaks against training."""
        return not any(one.severity == "error" for one in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {
            "cohort": str(self.source),
            "safe": self.safe,
            "slides": self.slides,
            "annotated": self.annotated,
            "patients": self.patients,
            "areas_mm2": {name: round(area, 4) for name, area in self.areas_mm2.items()},
            "findings": [one.to_dict() for one in self.findings],
        }


def check_cohort(
    cohort: str | AnyPath | Cohort | Survey,
    scheme: ClassScheme | None = None,
    annotations: str | AnyPath | None = None,
    even_odd_holes: bool = False,
    workers: int | None = None,
    backend: Backend | None = None,
) -> CheckReport:
    """Open every slide and every annotation of a cohort and say what is wrong with them.

    Args:
        cohort: A cohort, its survey, or what ``read_cohort`` reads one from.
        scheme: The classes; the cohort's own where None, and BACH's four where it has none.
        annotations: A folder where the annotations lie, if not beside the slides.
        even_odd_holes: As for ``read_cohort``.
        workers: Slides that are looked at at once in this process; None takes the processors, up
            to 8.
        backend: What looks at the slides; threads of this process where None.

    Raises:
        InputError: There is nothing to look at: no such folder, table or slide.
    """
    findings: list[Finding] = []
    if not isinstance(cohort, Cohort):
        found = (
            cohort if isinstance(cohort, Survey) else survey(cohort, annotations, even_odd_holes)
        )
        cohort, findings = found.cohort, [*found.findings, *found.unmatched()]
    scheme = scheme or cohort.scheme or ClassScheme.default()
    backend = backend or Threads(workers or min(_WORKERS, allotted_cores()))
    checked = _check_slides(cohort.cases, scheme, backend)
    findings += (finding for one in checked for finding in one.findings)
    findings += _torn_patients(cohort.cases)
    findings += _unknown_labels(checked, scheme)
    findings += _missing_classes(checked, scheme)
    findings.sort(key=lambda one: (SEVERITIES.index(one.severity), one.slide))
    return CheckReport(
        cohort.source,
        tuple(findings),
        len(cohort.cases),
        sum(one.areas is not None for one in checked),
        len(cohort.patients()),
        {name: sum(one.area_mm2(name) for one in checked) for name in scheme.names},
    )


def _check_slides(
    cases: Sequence[Case], scheme: ClassScheme, backend: Backend
) -> list[CheckedSlide]:
    """Check every slide; the result is in the order of the cases."""
    tasks = [Task(case.name, check_slide, (case, scheme), case.files) for case in cases]
    outcomes = sorted(run(tasks, backend, "checking"), key=lambda one: one.index)
    return [
        outcome.result if outcome.error is None else _unchecked(case, outcome)
        for case, outcome in zip(cases, outcomes, strict=True)
    ]


def _unchecked(case: Case, outcome: Outcome) -> CheckedSlide:
    """Return what to say of a slide that could not be looked at, down to the end."""
    checked = CheckedSlide(case)
    kind = "ends its process" if isinstance(outcome.error, LostError) else "cannot be checked"
    checked.tell("error", kind, f"{case.slide}: {outcome.error}")
    return checked


def _torn_patients(cases: Sequence[Case]) -> Iterator[Finding]:
    """Yield an error for every patient in two splits."""
    by_patient = sorted(cases, key=lambda case: case.patient)
    for _, same in groupby(by_patient, key=lambda case: case.patient):
        try:
            check_patients(list(same))
        except InputError as error:
            yield Finding("error", "patient in two splits", str(error))


def _unknown_labels(checked: Sequence[CheckedSlide], scheme: ClassScheme) -> Iterator[Finding]:
    """Yield every label that is in no class, with the nearest that is."""
    slides: dict[str, list[tuple[str, int]]] = {}
    for one in checked:
        for label, count in one.labels.items():
            if not scheme.knows(label):
                slides.setdefault(label, []).append((one.case.name, count))
    for label, found in slides.items():
        count = sum(number for _, number in found)
        regions = "1 region" if count == 1 else f"{count:,} regions"
        where = listed([name for name, _ in found])
        said = f"{label!r}: {regions} of {where} in no class{scheme.suggestion(label)}"
        if scheme.unknown == "error":
            yield Finding(
                "error", "unknown label", f"{said}; name it in a classes.yaml (--classes)"
            )
        else:
            yield Finding("note", "unknown label", f"{said}; counts as {scheme.unknown}")


def _missing_classes(checked: Sequence[CheckedSlide], scheme: ClassScheme) -> Iterator[Finding]:
    """Yield the classes of which there is nothing to learn from."""
    areas = [one.areas for one in checked if one.areas is not None]
    if not areas:
        yield Finding("error", "no annotation", "no slide has an annotation to learn from")
        return
    missing = [name for name in scheme.names[1:] if not any(one[name] for one in areas)]
    if len(missing) == len(scheme) - 1:
        said = f"nothing is outlined of any class but {scheme.names[0]}: nothing can be learnt"
        yield Finding("error", "class without area", said)
        return
    for name in missing:
        said = f"nothing is outlined of class {name}: it cannot be learnt"
        yield Finding("warning", "class without area", said)
