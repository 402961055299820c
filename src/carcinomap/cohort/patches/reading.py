"""A patch data set as a cohort: every image a slide, and its label a label image."""

from pathlib import Path

from carcinomap.cohort.case import Case, Cohort
from carcinomap.cohort.finding import Finding
from carcinomap.cohort.patches.classes import read_classes
from carcinomap.cohort.patches.folder import PatchFolder
from carcinomap.cohort.patches.table import Row, read_table
from carcinomap.errors import InputError


def read_patches(folder: PatchFolder) -> tuple[Cohort, list[Finding]]:
    """Take the cases from the table of a patch data set.

    Returns:
        The cohort, and what is wrong with lines that are left out.

    Raises:
        InputError: It is no table, or the classes cannot be read.
    """
    rows, mistakes = read_table(folder.table)
    findings = [Finding("error", "table", mistake, file=folder.table) for mistake in mistakes]
    cases: dict[str, Case] = {}
    for row in rows:
        try:
            case = _case(row)
            if case.name in cases:
                raise InputError(f"a second image called {case.name}")
        except InputError as error:
            message = f"{folder.table}, line {row.line}: {error}"
            findings.append(Finding("error", "table", message, row.image.stem, folder.table))
        else:
            cases[case.name] = case
    if not cases and not findings:
        raise InputError(f"{folder.table}: a table without a line")
    ordered = tuple(cases[name] for name in sorted(cases))
    return Cohort(folder.path, ordered, scheme=read_classes(folder)), findings


def _case(row: Row) -> Case:
    for what, file in (("image", row.image), ("label", row.label)):
        if not _is_file(file):
            raise InputError(f"no such {what}: {file}")
    return Case(row.image, row.label, row.patient or row.image.stem, row.split, row.mpp)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than any file's
        return False
