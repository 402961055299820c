"""The slides of a run that failed, as a table: ``failures.csv``."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from carcinomap.files import atomic_path
from carcinomap.segmentation.folder.manifest import SlideRun
from carcinomap.segmentation.folder.spreadsheet import inert, plain, read_rows
from carcinomap.segmentation.results.outputs import RECORD

NAME = "failures"
COLUMNS = ("slide", "name", "reason", "attempts", "seconds", "host")

START = ",".join(COLUMNS).encode()
"""How every table of failures begins that carcinomap wrote."""


def write_failures(runs: Sequence[SlideRun], path: Path) -> None:
    """Write a row for each slide that failed; where none did, there is no table.

    Of slides that the run did not come to, the rows that are there stay.

    Args:
        runs: All slides of the run.
        path: The file.
    """
    not_done = {inert(one.name) for one in runs if one.status == "not done"}
    kept = [row for row in read_rows(path) if row.get("name") in not_done]
    failed = [one for one in runs if one.status == "failed"]
    if not failed and not kept:
        path.unlink(missing_ok=True)
        return
    # A name of a file need not be UTF-8, so that it cannot always be written as it is.
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="replace", newline="") as file,
    ):
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for one in failed:
            reason = " ".join((one.reason or "").split())
            row = (one.slide, one.name, reason, one.attempts, one.seconds, one.host)
            table.writerow([inert(value) if isinstance(value, str) else value for value in row])
        table.writerows([row.get(column) for column in COLUMNS] for row in kept)


def open_failures(folder: Path) -> Mapping[str, str]:
    """Return why slides failed, by name, as all tables of a folder tell it, of whichever part.

    A failure that is older than the slide's map is over.
    """
    problems: dict[str, str] = {}
    for path in sorted(folder.glob(f"{NAME}*.csv")):
        try:
            written = path.stat().st_mtime
        except OSError:
            continue
        for row in read_rows(path):
            name = plain(row.get("name") or "")
            if name and not newer(folder / f"{name}{RECORD}", written):
                problems[name] = row.get("reason") or ""
    return problems


def newer(record: Path, than: float) -> bool:
    """Say whether a file is there and was written after a time, in seconds of POSIX time."""
    try:
        return record.stat().st_mtime > than
    except (OSError, ValueError):
        return False
