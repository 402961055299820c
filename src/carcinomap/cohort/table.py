"""The table of a cohort: a CSV with a column ``slide`` and what else is known."""

import csv
import io
import math
from dataclasses import dataclass

from carcinomap.cohort.case import SPLITS
from carcinomap.cohort.finding import Finding
from carcinomap.cohort.names import NO_UTF8, is_unicode, names_a_file
from carcinomap.errors import InputError
from carcinomap.slide import check_mpp
from carcinomap.storage import AnyPath, as_path, beside, local_copy

TABLE_NAMES = ("cohort.csv", "patients.csv")
"""What a table in the folder of the slides is called."""


@dataclass(frozen=True)
class Row:
    """One line of a table; empty where the table says nothing."""

    table: AnyPath
    line: int
    slide: str
    annotation: str
    patient: str
    split: str
    mpp: float | None

    @property
    def name(self) -> str:
        """The slide's file name without folders."""
        return as_path(self.slide).name

    @property
    def where(self) -> str:
        """The line, for messages."""
        return f"{self.table}, line {self.line}"


def read_table(path: AnyPath) -> tuple[list[Row], list[Finding]]:
    """Read a cohort table; columns may be separated by commas, semicolons or tabs.

    Returns:
        Its lines, and what is wrong with others: a wrong number of fields, a split that is none,
        an mpp that is no number, or a slide listed twice.

    Raises:
        InputError: Not a table, or one without a column ``slide``.
    """
    text = local_copy(path, "table").read_text(encoding="utf-8-sig", errors="surrogateescape")
    header = text.split("\n", 1)[0]
    separator = max(",;\t", key=header.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV table ({error})") from error
    columns = [name.strip().lower() for name in lines[0]] if lines else []
    if not all(map(is_unicode, columns)):
        raise InputError(f"{path}: {NO_UTF8}")
    if "slide" not in columns:
        raise InputError(f"{path}, line 1: no column named 'slide' (found: {', '.join(columns)})")
    rows: list[Row] = []
    mistakes: list[Finding] = []
    seen: dict[str, int] = {}
    for number, entries in enumerate(lines[1:], start=2):
        if not any(entry.strip() for entry in entries):
            continue
        try:
            row = _row(path, number, columns, entries)
            if seen.setdefault(row.slide, number) != number:
                also = f"stands in line {seen[row.slide]} too"
                raise InputError(f"{row.where}: slide {row.slide!r} {also}")
        except InputError as error:
            mistakes.append(Finding("error", "table", str(error), file=path))
        else:
            rows.append(row)
    return rows, mistakes


def _row(path: AnyPath, line: int, columns: list[str], entries: list[str]) -> Row:
    where = f"{path}, line {line}"
    if len(entries) != len(columns):
        raise InputError(f"{where}: {len(entries)} fields where the header has {len(columns)}")
    values = {name: entry.strip() for name, entry in zip(columns, entries, strict=True)}
    if not values["slide"]:
        raise InputError(f"{where}: the slide's name is missing")
    if not all(map(is_unicode, entries)) and not names_a_file(beside(path, values["slide"])):
        raise InputError(f"{where}: {NO_UTF8}")
    split = values.get("split", "").lower()
    if split and split not in SPLITS:
        raise InputError(f"{where}: split {split!r} is none of {', '.join(SPLITS)}")
    try:
        mpp = positive_mpp(values.get("mpp", ""))
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return Row(
        table=path,
        line=line,
        slide=values["slide"],
        annotation=values.get("annotation", ""),
        patient=values.get("patient", ""),
        split=split,
        mpp=mpp,
    )


def positive_mpp(text: str) -> float | None:
    """Read a table's microns per pixel; None where it says nothing.

    Raises:
        InputError: It is no number that can be one; the message does not say where it stands.
    """
    if not text:
        return None
    try:
        mpp = float(text)
    except ValueError:
        mpp = math.nan
    check_mpp(mpp, f"mpp {text[:40]!r}")
    return mpp
