"""All maps of a folder in one table: ``summary.csv``, a row for each slide."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from carcinomap.errors import InputError
from carcinomap.files import atomic_path
from carcinomap.segmentation.folder.failures import open_failures
from carcinomap.segmentation.folder.manifest import SlideRun
from carcinomap.segmentation.folder.spreadsheet import inert, read_rows
from carcinomap.segmentation.mapping.plan import CELL
from carcinomap.segmentation.results.outputs import RECORD, UNCERTAINTY, Outputs
from carcinomap.segmentation.results.planes import Planes
from carcinomap.slide import is_own_output

SUMMARY = "summary.csv"

FIRST = ("name", "mpp", "tissue_mm2")
LAST = ("mean_uncertainty", "seconds", "model", "status", "message")

NO_TISSUE = "no tissue was found, so nothing is mapped"

START = ",".join(FIRST).encode()
"""How every table begins that carcinomap wrote."""

_Area = Annotated[float, Field(ge=0, le=1e9)]


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)


class _Made(_Shape):
    sha256: str


class ClassArea(_Shape):
    """What a record says of a class."""

    area_mm2: _Area
    share_of_tissue: float = Field(ge=0, le=1)
    regions: int | None = Field(ge=0, le=10**9)


class Record(_Shape):
    """What of ``NAME.json`` a summary needs, with nothing in it that no map has."""

    model: _Made
    mpp: float = Field(ge=1e-3, le=1e6)
    tissue_mm2: _Area
    classes: dict[str, ClassArea] = Field(min_length=1, max_length=254)

    @property
    def fingerprint(self) -> str:
        """The beginning of the model's."""
        return self.model.sha256[:12]


@dataclass(frozen=True)
class MapSummary:
    """One map.

    Attributes:
        name: The slide's.
        record: What ``NAME.json`` says.
        uncertainty: Mean entropy of what is mapped, as a share of the largest possible; None
            where none was kept.
        seconds: What mapping took; None where that is not known.
    """

    name: str
    record: Record
    uncertainty: float | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class FolderSummary:
    """All that is known of a folder of maps.

    Attributes:
        maps: Those that are there, by name.
        problems: Names of the slides that could not be mapped when they were last asked for, and
            why, on one line; an earlier map of one may be there.
    """

    maps: tuple[MapSummary, ...]
    problems: Mapping[str, str]

    @property
    def classes(self) -> list[str]:
        """The classes that any of the maps tells apart, in the order of the maps."""
        return list(dict.fromkeys(name for one in self.maps for name in one.record.classes))


def summarise(folder: Path, runs: Sequence[SlideRun]) -> FolderSummary:
    """Look through a folder of maps.

    Times, and uncertainties of maps that have not changed, are kept from the folder's last table.
    Slides that failed in other parts of the work are those of its tables of failures.

    Args:
        folder: The maps.
        runs: What became of the slides of the run that ends.
    """
    problems = dict(open_failures(folder))
    for one in runs:
        if one.status != "not done":
            problems.pop(one.name, None)
        if one.status == "failed":
            problems[one.name] = " ".join((one.reason or "").split())
    # Of a map that was finished in two runs, no time is known.
    seconds = {
        one.name: one.seconds
        for one in runs
        if one.status == "done" and one.seconds is not None and not one.resumed
    }
    earlier = {row.get("name") or "": row for row in read_rows(folder / SUMMARY)}
    maps: list[MapSummary] = []
    for path in sorted(folder.glob(f"*{RECORD}")):
        if path.name.startswith(".") or not is_own_output(path):
            continue
        name = path.name.removesuffix(RECORD)
        record = _read(path)
        if record is None:
            problems.setdefault(name, f"{path.name} is damaged")
            continue
        known = {} if name in seconds else _known(earlier.get(inert(name), {}), record)
        uncertainty = known.get("mean_uncertainty")
        if uncertainty is None:
            uncertainty = _mean_uncertainty(Outputs(folder, name).path(UNCERTAINTY), record)
        maps.append(MapSummary(name, record, uncertainty, seconds.get(name, known.get("seconds"))))
    return FolderSummary(tuple(maps), problems)


def write_summary(summary: FolderSummary, path: Path) -> None:
    """Write the table: UTF-8, separated by commas, nothing in it that a spreadsheet computes.

    Args:
        summary: Its rows.
        path: The file.
    """
    classes = summary.classes
    of_classes = [f"{name} {what}" for name in classes for what in ("mm2", "share", "regions")]
    maps = {one.name: one for one in summary.maps}
    # A name of a file need not be UTF-8, so that it cannot always be written as it is.
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="replace", newline="") as file,
    ):
        table = csv.writer(file)
        table.writerow([*FIRST, *map(inert, of_classes), *LAST])
        for name in sorted({*maps, *summary.problems}):
            problem = summary.problems.get(name, "")
            one = maps.get(name)
            message = problem or (NO_TISSUE if one and not one.record.tissue_mm2 else "")
            status = "failed" if problem else "done"
            numbers = _numbers(one, classes)
            table.writerow([inert(name), *numbers, status, inert(message)])


def _numbers(one: MapSummary | None, classes: Sequence[str]) -> list[str | float | None]:
    """Return all of a row that comes from a map."""
    if one is None:
        return [None] * (len(FIRST) + 3 * len(classes) + len(LAST) - 3)
    row: list[str | float | None] = [one.record.mpp, one.record.tissue_mm2]
    for name in classes:
        entry = one.record.classes.get(name)
        row += [entry.area_mm2, entry.share_of_tissue, entry.regions] if entry else [None] * 3
    row.append(None if one.uncertainty is None else round(one.uncertainty, 4))
    row.append(None if one.seconds is None else round(one.seconds, 1))
    return [*row, inert(one.record.fingerprint)]


def _read(path: Path) -> Record | None:
    """Read a record of ours; None where it is damaged."""
    try:
        # Not pydantic's own reader of JSON: a name in it may be no Unicode.
        return Record.model_validate(json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError):
        return None


def _known(row: Mapping[str, str], record: Record) -> dict[str, float]:
    """Return the time and the uncertainty in a row of an earlier table, if it is of this map."""
    areas = {inert(f"{name} mm2"): entry.area_mm2 for name, entry in record.classes.items()}
    expected = {"mpp": record.mpp, "tissue_mm2": record.tissue_mm2, **areas}
    if any(row.get(key) != str(value) for key, value in expected.items()):
        return {}
    if row.get("model") != inert(record.fingerprint):
        return {}
    limits = {"mean_uncertainty": 1.0, "seconds": 1e9}
    numbers = {key: _number(row.get(key), most) for key, most in limits.items()}
    return {key: number for key, number in numbers.items() if number is not None}


def _number(text: str | None, most: float) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 <= number <= most else None


def _mean_uncertainty(path: Path, record: Record) -> float | None:
    """Return the mean entropy of what is mapped; None where no plane of it can be read."""
    pixels = record.tissue_mm2 * 1e6 / record.mpp**2
    if not path.is_dir() or not pixels:
        return None
    total = 0
    try:
        planes = Planes.open(path)
        # Only what was written: of a damaged image, its size says nothing.
        for file in (path / "0" / "0").glob("*/*"):
            if file.name.isdecimal() and file.parent.name.isdecimal():
                x, y = int(file.name) * CELL, int(file.parent.name) * CELL
                # Entropy is the first plane, and 0 where nothing is mapped.
                total += int(planes.window(x, y, CELL, CELL)[0].sum())
    except (InputError, OSError):
        return None
    return min(1.0, total / 255 / pixels)
