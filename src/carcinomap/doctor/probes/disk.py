"""Folders that are written to."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from carcinomap.doctor.line import Check, Line, gigabytes

ENOUGH = 2e9  # bytes


def _cache() -> Iterator[Line]:
    from carcinomap.model.conversion_cache import networks_folder  # noqa: PLC0415 - may be broken

    advice = "let CARCINOMAP_CACHE name a folder with room that you may write to"
    yield folder_line(
        "cache", networks_folder(), f"{advice}: else networks are converted each time"
    )


def _temporary() -> Iterator[Line]:
    folder = Path(tempfile.gettempdir())
    yield folder_line("temporary files", folder, "let TMPDIR name a folder with room", needed=True)


def _current() -> Iterator[Line]:
    yield folder_line("this folder", Path.cwd(), "let --output name a folder with room")


def folder_line(name: str, folder: Path, advice: str, needed: bool = False) -> Line:
    """Say whether a folder can be written to, and how much fits.

    Args:
        name: What it is for.
        folder: The folder; it need not be there yet.
        advice: What to do where it is of no use.
        needed: Whether nothing works without.
    """
    there = next(one for one in (folder, *folder.parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"carcinomap")
    except OSError as error:
        said = f"{folder}: cannot be written to ({os.strerror(error.errno or 0)})"
        return Line(name, "broken" if needed else "note", said, advice)
    free = shutil.disk_usage(there).free
    said, facts = f"{folder}, {gigabytes(free)} free", {"folder": str(folder), "free": free}
    if free < ENOUGH:
        return Line(name, "note", said, advice, facts)
    return Line(name, "ok", said, facts=facts)


CHECKS = (
    Check("cache", _cache, "mend what is broken above", needed=False),
    Check("temporary files", _temporary, "let TMPDIR name a folder that you may write to"),
    Check("this folder", _current, "change to a folder that is there", needed=False),
)
