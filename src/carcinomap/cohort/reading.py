"""A cohort from a folder, a table or a single slide."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from carcinomap.cohort.case import Case, Cohort
from carcinomap.cohort.finding import Finding, in_short
from carcinomap.cohort.names import hint
from carcinomap.cohort.pairing import AnnotationFiles
from carcinomap.cohort.patches.classes import read_classes
from carcinomap.cohort.patches.folder import PatchFolder
from carcinomap.cohort.patches.reading import read_patches
from carcinomap.cohort.table import TABLE_NAMES, Row, read_table
from carcinomap.errors import InputError
from carcinomap.slide import find_slides
from carcinomap.storage import AnyPath, as_path, beside, is_remote, kind_of


def read_cohort(
    path: str | AnyPath, annotations: str | AnyPath | None = None, even_odd_holes: bool = False
) -> Cohort:
    """Find the cases of a cohort.

    Args:
        path: A folder of slides with annotations of the same name beside them (sub-folders
            included; a ``cohort.csv`` or ``patients.csv`` inside tells patients and splits), a
            CSV table with a column ``slide``, one slide, or a folder of image and label tiles
            (``train_feature`` and ``train_label``, with ``tiles.csv`` or without). All but the
            last may be elsewhere, and a table may name slides and annotations by their address.
        annotations: A folder where the annotations lie, if not beside the slides.
        even_odd_holes: Read regions that lie inside others of their layer as holes, in
            annotations that do not say which are.

    Raises:
        InputError: There is no slide, two slides have one name, a slide has several annotations,
            or the table has a mistake (the message names the line).
    """
    found = survey(path, annotations, even_odd_holes)
    errors = [one.message for one in found.findings if one.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more; carcinomap check lists them)"
        raise InputError(errors[0] + (more if len(errors) > 1 else ""))
    return replace(found.cohort, notes=in_short(found.findings))


@dataclass(frozen=True)
class Survey:
    """A cohort, and all that is wrong with how it is put together.

    Attributes:
        cohort: The cases that can be made out.
        findings: What there is to say; errors among them are what ``read_cohort`` raises.
        files: What the annotations were taken from.
    """

    cohort: Cohort
    findings: list[Finding]
    files: AnnotationFiles

    def unmatched(self) -> Iterator[Finding]:
        """Yield a warning for every annotation in the folder that belongs to no slide."""
        if kind_of(self.cohort.source) == "folder":
            yield from self.files.unused(self.cohort.cases)


def survey(
    path: str | AnyPath, annotations: str | AnyPath | None = None, even_odd_holes: bool = False
) -> Survey:
    """Find the cases of a cohort, whatever is wrong with some of them.

    Takes what ``read_cohort`` takes.

    Raises:
        InputError: There is nothing to look at: no such folder, table or slide.
    """
    path = as_path(path)
    labels = None if annotations is None else as_path(annotations)
    if labels is not None and kind_of(labels) != "folder":
        raise InputError(f"{labels}: no such folder of annotations")
    if labels is None and isinstance(path, Path) and PatchFolder(path).looks_like_one:
        return _patches(PatchFolder(path))
    kind = kind_of(path)
    if kind == "folder":
        listing = _folder(path, path)
    elif kind != "file":
        raise InputError(f"{path}: no such folder, table or slide")
    elif path.suffix.lower() == ".csv":
        listing = _table(path)
    else:
        listing = _Listing([_Entry(path)], [])
    slides = [entry.slide for entry in listing.entries]
    if labels is not None:
        folders = [labels]
    else:
        folders = [path] if kind == "folder" else _folders_of(slides)
    return _paired(path, listing, AnnotationFiles(folders, slides), even_odd_holes)


def _folders_of(slides: Iterable[AnyPath]) -> list[AnyPath]:
    """Return the folders of slides on a disk; beside others, which may be many, nobody looks."""
    return list[AnyPath](sorted({slide.parent for slide in slides if isinstance(slide, Path)}))


def _patches(folder: PatchFolder) -> Survey:
    """Find the cases of a patch data set: in its table, or by the names of images and labels."""
    if folder.table.is_file():
        cohort, findings = read_patches(folder)
        return Survey(cohort, findings, AnnotationFiles((), ()))
    if folder.written_here:
        raise InputError(f"{folder.path}: unfinished; the same carcinomap tiles command goes on")
    listing = _folder(folder.features, folder.path)
    if not any(entry.row and entry.row.patient for entry in listing.entries):
        message = f"{folder.path}: no table tells patients, so each image counts as one of its own"
        listing.findings.append(Finding("note", "patients unknown", message))
    files = AnnotationFiles([folder.labels], [entry.slide for entry in listing.entries])
    found = _paired(folder.path, listing, files, even_odd_holes=False)
    return replace(found, cohort=replace(found.cohort, scheme=read_classes(folder)))


def _paired(
    source: AnyPath, listing: "_Listing", files: AnnotationFiles, even_odd_holes: bool
) -> Survey:
    """Give every slide its annotation."""
    cases = [_case(one, files, listing.findings, even_odd_holes) for one in _distinct(listing)]
    cases.sort(key=lambda case: case.name)
    return Survey(Cohort(source, tuple(cases)), listing.findings, files)


@dataclass(frozen=True)
class _Entry:
    """A slide, and what a table's line says of it."""

    slide: AnyPath
    row: Row | None = None


@dataclass(frozen=True)
class _Listing:
    """The slides of a cohort, as found, and what there is to say of how they were."""

    entries: list[_Entry]
    findings: list[Finding]


def _folder(folder: AnyPath, tables: AnyPath) -> _Listing:
    """List the slides of a folder, with the lines of a table in a folder of tables."""
    slides = find_slides(folder)
    near = (tables / name for name in TABLE_NAMES)
    table = next((file for file in near if kind_of(file) == "file"), None)
    if table is None:
        return _Listing([_Entry(slide) for slide in slides], [])
    try:
        rows, findings = read_table(table)
    except InputError as error:
        mistake = Finding("error", "table", str(error), file=table)
        return _Listing([_Entry(slide) for slide in slides], [mistake])
    named: dict[str, Row] = {}
    names = {name for slide in slides for name in (slide.name, slide.stem)}
    for row in rows:
        known = next((n for n in (row.name, PurePath(row.name).stem) if n in names), None)
        if known is None:
            message = f"{row.where}: no slide {row.slide!r} in the folder{hint(row.name, names)}"
            findings.append(Finding("warning", "line without slide", message, file=table))
        else:
            named[known] = row
    entries = [_Entry(slide, named.get(slide.name) or named.get(slide.stem)) for slide in slides]
    for entry in entries:
        if entry.row is None:
            name = entry.slide.stem
            message = f"{table}: no line for slide {name}, which counts as a patient of its own"
            findings.append(
                Finding("warning", "not in the table, a patient of its own", message, name, table)
            )
    return _Listing(entries, findings)


def _table(table: AnyPath) -> _Listing:
    """List the slides that a table names."""
    rows, findings = read_table(table)
    if not rows and not findings:
        raise InputError(f"{table}: a table without a line")
    below: dict[str, list[AnyPath]] | None = None
    entries = []
    for row in rows:
        slide = beside(table, row.slide)
        if isinstance(slide, Path) and not slide.is_file():
            below = _by_name(table.parent) if below is None else below
            found = below.get(row.slide, [])
            if len(found) != 1:
                what = f"{len(found)} slides of that name" if found else "no such slide"
                near = "" if found else hint(row.slide, below)
                message = f"{row.where}: {what}: {row.slide}{near}"
                findings.append(Finding("error", "line without slide", message, file=table))
                continue
            slide = found[0]
        entries.append(_Entry(slide, row))
    return _Listing(entries, findings)


def _by_name(folder: AnyPath) -> dict[str, list[AnyPath]]:
    """Return the slides below a folder by their names, with suffix and without."""
    found: dict[str, list[AnyPath]] = defaultdict(list)
    try:
        slides = find_slides(folder)
    except InputError:
        slides = []
    for slide in slides:
        for name in {slide.name, slide.stem}:
            found[name].append(slide)
    return found


def _distinct(listing: _Listing) -> Iterator[_Entry]:
    """Yield the entries but for second slides of one name, which are findings."""
    seen: dict[str, AnyPath] = {}
    for entry in listing.entries:
        slide = entry.slide
        if seen.setdefault(slide.stem, slide) is slide:
            yield entry
            continue
        where = f"{entry.row.where}: " if entry.row else ""
        message = (
            f"{where}{slide}: a second slide of this name, after {seen[slide.stem]}; "
            "results are named after slides, so rename one or list the right one in a CSV"
        )
        listing.findings.append(
            Finding("error", "two slides of one name", message, slide.stem, slide)
        )


def _case(
    entry: _Entry, files: AnnotationFiles, findings: list[Finding], even_odd_holes: bool
) -> Case:
    """Give a slide its annotation: the one that its line names, or else that of its name."""
    slide, row = entry.slide, entry.row
    case = Case(slide, patient=slide.stem, even_odd_holes=even_odd_holes)
    if row is not None:
        patient = row.patient or case.patient
        case = replace(case, patient=patient, split=row.split, mpp=row.mpp)
    if row is not None and row.annotation:
        annotation = beside(row.table, row.annotation)
        if is_remote(annotation) or kind_of(annotation) == "file":
            return replace(case, annotation=annotation)
        message = f"{row.where}: no such annotation: {row.annotation}"
        findings.append(Finding("error", "table", message, case.name, row.table))
        return case
    found, told = files.of(slide)
    findings.extend(told)
    if found is None and not any(one.severity == "error" for one in told):
        message = f"{slide}: no annotation"
        findings.append(Finding("warning", "no annotation", message, case.name, slide))
    return replace(case, annotation=found)
