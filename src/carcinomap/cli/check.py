"""``carcinomap check``."""

from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from carcinomap.cli.annotation_options import (
    AnnotationsOption,
    CohortArgument,
    EvenOddHolesOption,
    RoiOption,
    with_roi,
)
from carcinomap.cli.classes import ClassesOption, read_classes
from carcinomap.cli.command import Common, Outcome
from carcinomap.cli.work_options import backend_of, slides_at_once
from carcinomap.storage import AnyPath
from carcinomap.work import WorkSettings

if TYPE_CHECKING:
    from carcinomap.cohort import CheckReport, Finding

FEWEST = 50
"""Slides from which on the time that processes take to start is little, and a slide that kills its
own fails alone. Threads check fewer in less time: a slide takes 0.02 to 0.3 s."""

SHOWN = 20
"""Findings of a kind that are told one by one."""

_STYLES = {"error": "red", "warning": "yellow"}


def check(
    cohort: CohortArgument,
    work: WorkSettings,
    common: Common,
    classes: ClassesOption = None,
    annotations: AnnotationsOption = None,
    roi: RoiOption = None,
    even_odd_holes: EvenOddHolesOption = False,
) -> Outcome:
    """Open every slide and annotation of a cohort and say what is wrong with them.

    Example: `carcinomap check SLIDES/`

    Leaves with exit code 1 where training would be unsafe: slides or annotations that cannot be
    read, labels that are in no class, outlines in the wrong place, a patient in two splits.
    """
    from carcinomap.cohort import check_cohort  # noqa: PLC0415
    from carcinomap.cohort.reading import survey  # noqa: PLC0415

    scheme = with_roi(read_classes(classes), roi)
    found = survey(cohort, annotations, even_odd_holes)
    slides, at_once = len(found.cohort.cases), slides_at_once(common.workers)
    backend = backend_of(work, 1, slides, at_once=at_once, fewest=FEWEST)
    report = check_cohort(found, scheme, workers=common.workers, backend=backend)
    return Outcome(report.to_dict(), _text(report), failed=not report.safe)


def _text(report: "CheckReport") -> Group:
    """Return the findings as a table, and what it all comes to."""
    summary = Table(show_header=False, box=None)
    summary.add_row("slides", f"{report.slides}, {report.annotated} of them annotated")
    summary.add_row("patients", str(report.patients))
    for name, area in report.areas_mm2.items():
        summary.add_row(name, f"{area:.4g} mm²" if area else "nothing outlined")
    verdict = (
        "nothing speaks against training" if report.safe else "mend the errors before training"
    )
    summary.add_row("", Text(verdict, style="green" if report.safe else "red"))
    grave = [one for one in report.findings if one.severity != "note"]
    notes = [one for one in report.findings if one.severity == "note"]
    parts: list[RenderableType] = [summary]
    if grave:
        parts.insert(0, _table(grave, report.source))
    if notes:
        kinds = Counter(one.kind for one in notes)
        told = ", ".join(f"{count} × {kind}" for kind, count in kinds.items())
        parts.append(Text(f"besides, harmless: {told} (--json tells each)", style="dim"))
    return Group(*parts)


def _table(findings: list["Finding"], source: AnyPath) -> Table:
    """Return a row for each finding, but for those of a kind that there are many of."""
    table = Table()
    for heading in ("slide", "", "kind"):
        table.add_column(heading, overflow="fold")
    table.add_column("what", overflow="fold")
    told = Counter[str]()
    for one in findings:
        told[one.kind] += 1
        if told[one.kind] > SHOWN:
            continue
        severity = Text(one.severity, style=_STYLES[one.severity])
        message = one.message.replace(f"{source}/", "")
        table.add_row(Text(one.slide), severity, one.kind, Text(message))
    for kind, count in told.items():
        if count > SHOWN:
            more = Text(f"and {count - SHOWN} more of this kind (--json tells each)", "dim")
            table.add_row("", "", kind, more)
    return table
