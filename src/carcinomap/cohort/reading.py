"""A cohort from a folder, a table or a single slide."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from carcinomap.annotation import ANNOTATION_SUFFIXES
from carcinomap.cohort.case import Case, Cohort
from carcinomap.cohort.table import TABLE_NAMES, Row, read_table
from carcinomap.errors import InputError
from carcinomap.slide import find_slides, is_slide_file, visible_files


def read_cohort(path: str | Path, annotations: str | Path | None = None) -> Cohort:
    """Find the cases of a cohort.

    Args:
        path: A folder of slides with annotations of the same name beside them (sub-folders
            included; a ``cohort.csv`` or ``patients.csv`` inside tells patients and splits), a
            CSV table with a column ``slide``, or one slide.
        annotations: A folder where the annotations lie, if not beside the slides.

    Raises:
        InputError: There is no slide, two slides have one name, or the table has a mistake
            (the message names the line).
    """
    path = Path(path)
    if annotations is not None and not Path(annotations).is_dir():
        raise InputError(f"{annotations}: no such folder of annotations")
    if path.is_dir():
        return _read_folder(path, annotations)
    if not path.is_file():
        raise InputError(f"{path}: no such folder, table or slide")
    if path.suffix.lower() == ".csv":
        return _read_csv(path, annotations)
    return Cohort(path, tuple(_pair([path], [Path(annotations or path.parent)])))


def _read_folder(folder: Path, annotations: str | Path | None) -> Cohort:
    slides = find_slides(folder)
    cases = {case.name: case for case in _pair(slides, [Path(annotations or folder)])}
    notes = _unannotated(cases.values())
    table = next((folder / name for name in TABLE_NAMES if (folder / name).is_file()), None)
    if table is not None:
        rows = read_table(table)
        for row in rows:
            case = cases.get(row.name) or cases.get(Path(row.name).stem)
            if case is None:
                notes.append(f"{table}, line {row.line}: no slide {row.slide!r} in the folder")
            else:
                cases[case.name] = _apply(case, row, table)
        told = {name for row in rows for name in (row.name, Path(row.name).stem)}
        missing = [name for name in cases if name not in told]
        if missing:
            notes.append(
                f"{table}: no line for {_listed(missing)}: each counts as a patient of its own"
            )
    return Cohort(folder, tuple(cases[name] for name in sorted(cases)), tuple(notes))


def _read_csv(table: Path, annotations: str | Path | None) -> Cohort:
    known: dict[str, list[Path]] | None = None
    cases = {}
    for row in read_table(table):
        slide = table.parent / row.slide
        if not slide.is_file():
            if known is None:
                known = defaultdict(list)
                for file in filter(is_slide_file, visible_files(table.parent)):
                    known[file.name].append(file)
                    known[file.stem].append(file)
            found = known.get(row.slide, [])
            if len(found) != 1:
                what = "no such slide" if not found else f"{len(found)} slides of that name"
                raise InputError(f"{table}, line {row.line}: {what}: {row.slide}")
            slide = found[0]
        (case,) = _pair([slide], [Path(annotations)] if annotations else [slide.parent])
        if case.name in cases:
            raise InputError(f"{table}, line {row.line}: a second slide named {case.name!r}")
        cases[case.name] = _apply(case, row, table)
    if not cases:
        raise InputError(f"{table}: a table without a line")
    notes = _unannotated(cases.values())
    return Cohort(table, tuple(cases[name] for name in sorted(cases)), tuple(notes))


def _apply(case: Case, row: Row, table: Path) -> Case:
    """Return the case with what a table's line says of it."""
    annotation = case.annotation
    if row.annotation:
        annotation = table.parent / row.annotation
        if not annotation.is_file():
            raise InputError(f"{table}, line {row.line}: no such annotation: {row.annotation}")
    return replace(
        case,
        annotation=annotation,
        patient=row.patient or case.patient,
        split=row.split,
        mpp=row.mpp,
    )


def _pair(slides: list[Path], folders: list[Path]) -> Iterator[Case]:
    """Give each slide the annotation of its name: beside it, else anywhere in the folders."""
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for folder in folders:
        for file in visible_files(folder):
            if file.suffix.lower() in ANNOTATION_SUFFIXES:
                by_stem[file.stem].append(file)
    seen: dict[str, Path] = {}
    for slide in slides:
        if slide.stem in seen:
            raise InputError(
                f"{slide}: a second slide of this name, after {seen[slide.stem]}; "
                "results are named after slides, so rename one or list the right one in a CSV"
            )
        seen[slide.stem] = slide
        found = by_stem.get(slide.stem, [])
        beside = [file for file in found if file.parent == slide.parent]
        found = beside or found
        if len(found) > 1:
            raise InputError(f"{slide}: several annotations: {', '.join(map(str, found))}")
        yield Case(slide, found[0] if found else None, patient=slide.stem)


def _unannotated(cases: Iterable[Case]) -> list[str]:
    names = [case.name for case in cases if case.annotation is None]
    return [f"no annotation for {_listed(names)}"] if names else []


def _listed(names: list[str]) -> str:
    """Name up to five, and say how many there are."""
    shown = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
    return f"{len(names)} slide{'s' if len(names) > 1 else ''} ({shown})"
