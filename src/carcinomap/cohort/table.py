"""The table of a cohort: a CSV with a column ``slide`` and what else is known."""

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

from carcinomap.cohort.case import SPLITS
from carcinomap.errors import InputError

TABLE_NAMES = ("cohort.csv", "patients.csv")


@dataclass(frozen=True)
class Row:
    """One line of the table; empty where the table says nothing."""

    line: int
    slide: str
    annotation: str
    patient: str
    split: str
    mpp: float | None

    @property
    def name(self) -> str:
        """The slide's file name without folders."""
        return Path(self.slide).name


def read_table(path: Path) -> list[Row]:
    """Read a cohort table; columns may be separated by commas, semicolons or tabs.

    Raises:
        InputError: With the line: no column ``slide``, a wrong number of fields, a split that
            is none, an mpp that is no number, or a slide listed twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text; save the table as CSV UTF-8") from error
    header = text.split("\n", 1)[0]
    separator = max(",;\t", key=header.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV table ({error})") from error
    columns = [name.strip().lower() for name in lines[0]] if lines else []
    if "slide" not in columns:
        raise InputError(f"{path}, line 1: no column named 'slide' (found: {', '.join(columns)})")
    rows = []
    seen: dict[str, int] = {}
    for number, fields in enumerate(lines[1:], start=2):
        if not any(field.strip() for field in fields):
            continue
        if len(fields) != len(columns):
            raise InputError(
                f"{path}, line {number}: {len(fields)} fields where the header has {len(columns)}"
            )
        values = {n: f.strip() for n, f in zip(columns, fields, strict=True)}
        row = _row(path, number, values)
        if row.slide in seen:
            raise InputError(
                f"{path}, line {number}: slide {row.slide!r} stands in line {seen[row.slide]} too"
            )
        seen[row.slide] = number
        rows.append(row)
    return rows


def _row(path: Path, number: int, values: dict[str, str]) -> Row:
    where = f"{path}, line {number}"
    if not values["slide"]:
        raise InputError(f"{where}: the slide's name is missing")
    split = values.get("split", "").lower()
    if split and split not in SPLITS:
        raise InputError(f"{where}: split {split!r} is none of {', '.join(SPLITS)}")
    return Row(
        line=number,
        slide=values["slide"],
        annotation=values.get("annotation", ""),
        patient=values.get("patient", ""),
        split=split,
        mpp=_mpp(where, values.get("mpp", "")),
    )


def _mpp(where: str, text: str) -> float | None:
    if not text:
        return None
    try:
        mpp = float(text)
    except ValueError:
        mpp = math.nan
    if not (math.isfinite(mpp) and mpp > 0):
        raise InputError(f"{where}: mpp {text!r} is not a positive number")
    return mpp
