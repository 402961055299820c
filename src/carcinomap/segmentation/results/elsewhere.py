"""Results on remote storage: made on this machine, and put there when they are whole.

A journal needs a disk. So a slide is mapped into a folder of this machine's cache, and its files go
to where they are wanted one by one, the record, which vouches for them, last.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from carcinomap.segmentation.results.outputs import RECORD, SUFFIXES, Outputs
from carcinomap.storage import (
    AnyPath,
    cache_folder,
    is_remote,
    list_files,
    modified,
    read_small,
    remove,
    upload,
)

AT_ONCE = 16
"""Small files that are fetched at once."""

LARGEST = 64_000_000
"""Bytes of a record or a table; others are no concern of ours."""


def working_folder(output: AnyPath) -> Path:
    """Return where on this machine results are made: ``output`` itself, if it is on a disk."""
    if isinstance(output, Path):
        return output
    return cache_folder("results") / hashlib.sha256(str(output).encode()).hexdigest()[:16]


@contextmanager
def delivered(output: AnyPath, name: str) -> Iterator[Path]:
    """Give a folder to make a result in, and bring what is new in it to where it is wanted.

    A record that is there already is in the folder, too. After the block, only unfinished work is
    left on this machine, and a result that could not be brought; it is when it is asked for again.

    Args:
        output: Where results are wanted.
        name: The slide's.

    Raises:
        CarcinomapError: The storage cannot be reached.
    """
    folder = working_folder(output)
    if not is_remote(output):
        yield folder
        return
    here, there = Outputs(folder, name), output / f"{name}{RECORD}"
    record, fetched = here.path(RECORD), None
    known = read_small(there, LARGEST)
    if known is not None:
        folder.mkdir(parents=True, exist_ok=True)
        record.write_bytes(known)
        fetched = _file_number(record)
    new = False
    try:
        yield folder
        # Not by its content: a map that is made anew has the same record.
        new = record.exists() and _file_number(record) != fetched
        if new:
            remove(there)
            _send(here, output)
            new = False
    finally:
        if not new:
            _clear(here)


def _file_number(path: Path) -> tuple[int, int]:
    """Return what differs when another file was put in the place of one."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns


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


def _fetched(output: AnyPath, folder: Path) -> dict[str, int]:
    """Fetch all records and tables into a folder; return their times of change there."""
    small = [
        path
        for path in list_files(output)
        if path.suffix in (RECORD, ".csv") and str(path.parent) == str(output).rstrip("/")
    ]

    def fetch(path: AnyPath) -> None:
        content, when = read_small(path, LARGEST), modified(path)
        if content is not None:
            (folder / path.name).write_bytes(content)
            os.utime(folder / path.name, None if when is None else (when, when))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(fetch, small))
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def _send(here: Outputs, output: AnyPath) -> None:
    """Upload the files of a result, of images in many files all of these, the record last."""
    for suffix in SUFFIXES:
        path = here.path(suffix)
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file():
                upload(file, output / file.relative_to(here.folder).as_posix())


def _clear(here: Outputs) -> None:
    for suffix in SUFFIXES:
        path = here.path(suffix)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
