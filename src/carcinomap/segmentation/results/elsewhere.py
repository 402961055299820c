"""Results on remote storage: made on this machine, and put there when they are whole.

A journal needs a disk. So a slide is mapped into a folder of this machine's cache, and its files go
to where they are wanted one by one, the record, which vouches for them, last.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any

from carcinomap.segmentation.results.outputs import (
    ALONE,
    NO_RECORD,
    RECORD,
    SUFFIXES,
    Outputs,
    is_whole,
    not_named,
    refuse,
)
from carcinomap.storage import (
    AnyPath,
    cache_folder,
    is_remote,
    kind_of,
    list_files,
    modified,
    read_small,
    remove,
    stamp,
    upload,
)

AT_ONCE = 16
"""Small files that are fetched at once."""

BRINGING = ".partial"
"""Ends the name of an empty file that is there while a result is brought."""

LARGEST = 64_000_000
"""Bytes of a record or a table; others are no concern of ours."""


def working_folder(output: AnyPath) -> Path:
    """Return where on this machine results are made: ``output`` itself, if it is on a disk."""
    if isinstance(output, Path):
        return output
    return cache_folder("results") / hashlib.sha256(str(output).encode()).hexdigest()[:16]


@contextmanager
def delivered(output: AnyPath, name: str, overwrite: bool = False) -> Iterator[Path]:
    """Give a folder to make a result in, and bring what is new in it to where it is wanted.

    The record of a whole result that is there already is in the folder, too. After the block, only
    unfinished work is left on this machine, and a result that could not be brought; it is when it
    is asked for again.

    Args:
        output: Where results are wanted.
        name: The slide's.
        overwrite: Replace files of these names that are no result of ours.

    Raises:
        InputError: There are files of these names that are no result of ours.
        CarcinomapError: The storage cannot be reached.
    """
    folder = working_folder(output)
    if not is_remote(output):
        yield folder
        return
    here, there = Outputs(folder, name), output / f"{name}{RECORD}"
    record, alone = here.path(RECORD), here.path(ALONE)
    if alone.exists():  # a process was killed
        _clear(here)
    known = read_small(there, LARGEST)
    whole = known is not None and _is_whole(known, output, name)
    if not (whole or overwrite or record.exists()):
        _refuse_strangers(output, name, known)
    if known is not None and whole:
        folder.mkdir(parents=True, exist_ok=True)
        alone.touch()
        record.write_bytes(known)
    try:
        yield folder
        if record.exists() and not alone.exists():
            _send(here, output)
            _clear(here)
    finally:
        if alone.exists():
            _clear(here)


def _refuse_strangers(output: AnyPath, name: str, known: bytes | None) -> None:
    """Refuse to replace what no record names, unless a process died while it brought it."""
    there = [suffix for suffix in SUFFIXES if kind_of(output / f"{name}{suffix}")]
    strangers = there if known is None else not_named(_expected(known), there)
    if strangers and not kind_of(output / f"{name}{BRINGING}"):
        refuse(output / f"{name}{suffix}" for suffix in strangers)


def _is_whole(record: bytes, output: AnyPath, name: str) -> bool:
    """Say whether all files of a result are there; where it is no record of ours, that is told."""
    expected, sizes = _expected(record), {}
    for suffix in SUFFIXES:
        place = output / f"{name}{suffix}"
        if suffix in expected and kind_of(place) == "file":
            size, _ = stamp(place)
            sizes[suffix] = expected[suffix] if size is None else size
    return is_whole(expected, sizes)


def _expected(record: bytes) -> dict[str, Any]:
    """Return the bytes of the files that a record names, by suffix; none where it is not ours."""
    try:
        return dict(json.loads(record).get("files", {}))
    except NO_RECORD:
        return {}


@contextmanager
def mirrored(output: AnyPath) -> Iterator[Path]:
    """Give a folder with all records and tables of results; bring back those that change in it.

    The folder itself, where it is on a disk.

    Raises:
        CarcinomapError: The storage cannot be reached.
    """
    if not is_remote(output):
        yield working_folder(output)
        return
    with TemporaryDirectory(prefix="carcinomap-") as name:
        folder = Path(name)
        before = _fetched(output, folder)
        yield folder
        for path in folder.iterdir():
            if before.get(path.name) != path.stat().st_mtime_ns:
                upload(path, output / path.name)
        for gone in before.keys() - {path.name for path in folder.iterdir()}:
            remove(output / gone)


def small_files(output: AnyPath) -> list[AnyPath]:
    """Return all records and tables of a folder, not of those in it."""
    return [
        path
        for path in list_files(output)
        if path.suffix in (RECORD, ".csv") and str(path.parent) == str(output).rstrip("/")
    ]


def _fetched(output: AnyPath, folder: Path) -> dict[str, int]:
    """Fetch all records and tables into a folder; return their times of change there."""
    small = small_files(output)

    def fetch(path: AnyPath) -> None:
        content, when = read_small(path, LARGEST), modified(path)
        if content is not None:
            (folder / path.name).write_bytes(content)
            os.utime(folder / path.name, None if when is None else (when, when))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(fetch, small))
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def _send(here: Outputs, output: AnyPath) -> None:
    """Put the files of a result in the place of those that are there, the record last."""
    mark = output / f"{here.name}{BRINGING}"
    with NamedTemporaryFile() as empty:
        upload(Path(empty.name), mark)
    for suffix in reversed(SUFFIXES):
        _remove_all(output / f"{here.name}{suffix}")
    for suffix in SUFFIXES:
        path = here.path(suffix)
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file():
                upload(file, output / file.relative_to(here.folder).as_posix())
    remove(mark)


def _remove_all(place: AnyPath) -> None:
    """Remove a file, or all that is in an image of many files."""
    if kind_of(place) == "folder":
        for file in list_files(place):
            remove(file)
    else:
        remove(place)


def _clear(here: Outputs) -> None:
    for suffix in (*SUFFIXES, ALONE):
        path = here.path(suffix)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
