"""The table of a patch data set: a CSV that tells of every tile where it came from."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from carcinomap.annotation import ClassScheme
from carcinomap.cohort.case import SPLITS, Case
from carcinomap.cohort.names import NO_UTF8, is_unicode, names_a_file
from carcinomap.cohort.patches.folder import FEATURES, LABELS
from carcinomap.cohort.patches.settings import TileSettings
from carcinomap.cohort.patches.tile import Tile
from carcinomap.cohort.table import positive_mpp
from carcinomap.errors import InputError
from carcinomap.files import atomic_path

LARGEST = 1 << 28
"""Bytes of a table that is read: some two million tiles."""

_PLACE = ("x", "y", "width", "height")


@dataclass(frozen=True)
class Row:
    """One line of a table that is read; empty where it says nothing."""

    line: int
    image: Path
    label: Path
    patient: str
    split: str
    mpp: float | None


def write_table(
    path: Path,
    tiles: Iterable[tuple[Case, Sequence[Tile]]],
    scheme: ClassScheme,
    settings: TileSettings,
) -> None:
    """Write the table, slide by slide.

    Args:
        path: The file.
        tiles: The slides with their tiles.
        scheme: The classes.
        settings: What the tiles were made with.
    """
    shares = [f"share_{name}" for name in scheme.names]
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["image", "label", "slide", "patient", "split", *_PLACE, "mpp", "tissue", *shares]
        )
        for case, several in tiles:
            about = [case.slide.name, case.patient, case.split]
            writer.writerows(
                [*_files(tile, settings), *about, *_figures(tile, settings)] for tile in several
            )


def _files(tile: Tile, settings: TileSettings) -> list[str]:
    return [f"{FEATURES}/{tile.name}{settings.suffix}", f"{LABELS}/{tile.name}.png"]


def _figures(tile: Tile, settings: TileSettings) -> list[str]:
    place = [f"{getattr(tile, name):.10g}" for name in _PLACE]
    return [*place, f"{settings.mpp:g}", *(f"{share:.6f}" for share in (tile.tissue, *tile.shares))]


def read_table(path: Path) -> tuple[list[Row], list[str]]:
    """Read the columns ``image``, ``label`` and, where they are there, patient, split and mpp.

    Columns may be separated by commas, semicolons or tabs.

    Returns:
        The lines, and what is wrong with others.

    Raises:
        InputError: Not a table, far too large for one, or one without the columns.
    """
    if path.stat().st_size > LARGEST:
        raise InputError(f"{path}: {path.stat().st_size:,} bytes are too many for a table of tiles")
    rows: list[Row] = []
    mistakes: list[str] = []
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            separator = max(",;\t", key=file.readline().count)
            file.seek(0)
            reader = csv.DictReader(file, delimiter=separator, strict=True)
            missing = {"image", "label"} - set(reader.fieldnames or ())
            if not all(map(is_unicode, reader.fieldnames or ())):
                raise InputError(f"{path}: {NO_UTF8}")
            if missing:
                raise InputError(f"{path}, line 1: no column named {min(missing)!r}")
            for values in reader:
                try:
                    rows.append(_row(path.parent, reader.line_num, values))
                except InputError as error:
                    mistakes.append(f"{path}, line {reader.line_num}: {error}")
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV table ({error})") from error
    return rows, mistakes


def _row(folder: Path, line: int, values: dict[str, str]) -> Row:
    # Fields beyond the header come under None, and missing ones as None.
    if None in values or None in values.values():
        raise InputError("another number of fields than the header has")
    split = values.get("split", "").strip().lower()
    if split and split not in SPLITS:
        raise InputError(f"split {split[:40]!r} is none of {', '.join(SPLITS)}")
    image = _inside(folder, values["image"].strip())
    if not all(map(is_unicode, values.values())) and not names_a_file(image):
        raise InputError(NO_UTF8)
    return Row(
        line,
        image,
        _inside(folder, values["label"].strip()),
        values.get("patient", "").strip(),
        split,
        positive_mpp(values.get("mpp", "").strip()),
    )


def _inside(folder: Path, name: str) -> Path:
    """Return a file of the folder; a table from elsewhere shall not lead out of it."""
    place = Path(name)
    if not place.parts:
        raise InputError("the name of the image or the label is missing")
    if place.anchor or ".." in place.parts:
        raise InputError(f"{name[:200]!r} lies outside the folder of the table")
    return folder / place
