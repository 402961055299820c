"""Which files there are, and files put elsewhere."""

import os
import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from upath import UPath

from carcinomap.errors import InputError
from carcinomap.files import atomic_path
from carcinomap.storage.filesystem import filesystem
from carcinomap.storage.paths import WEB, AnyPath
from carcinomap.storage.source import description, open_bytes, signs_of
from carcinomap.storage.trouble import told


def kind_of(path: AnyPath) -> str:
    """Say what is there: ``"file"``, ``"folder"`` or ``""`` for nothing.

    What is on the web is a file, if anything: web servers know no folders.

    Raises:
        CarcinomapError: The storage cannot be asked, or does not answer such questions.
    """
    if isinstance(path, Path):
        return "folder" if path.is_dir() else "file" if path.is_file() else ""
    try:
        with told(path):
            known = filesystem(path).info(path.path)
    except InputError as error:
        if isinstance(error.__cause__, FileNotFoundError) and _is_missing(error):
            return ""
        raise
    return "folder" if known["type"] == "directory" else "file"


def _is_missing(error: InputError) -> bool:
    return str(error).endswith("no such file")


def exists(path: AnyPath) -> bool:
    """Say whether there is a file or folder.

    Raises:
        CarcinomapError: The storage cannot be asked.
    """
    return path.exists() if isinstance(path, Path) else kind_of(path) != ""


def stamp(path: AnyPath) -> tuple[int | None, int | str | None]:
    """Return the size of a file and what tells that it was changed.

    The latter is the time in nanoseconds of a file on a disk, and what its storage says of another.

    Raises:
        OSError: A file on a disk is gone.
        CarcinomapError: The storage cannot be asked, or has no such file.
    """
    if isinstance(path, Path):
        status = path.stat()
        return status.st_size, status.st_mtime_ns
    return signs_of(description(path))


def list_files(folder: AnyPath) -> list[AnyPath]:
    """Return every file below a folder, in a stable order; none where there is no such folder.

    Raises:
        InputError: It is on the web, where folders cannot be listed.
        CarcinomapError: The storage cannot be asked.
    """
    if isinstance(folder, Path):
        return sorted(Path(inside, name) for inside, _, names in os.walk(folder) for name in names)
    _refuse_web(folder, "list what is there")
    with told(folder, "folder"):
        found = filesystem(folder).find(folder.path)
    return [_beside(folder, name) for name in sorted(found) if not name.endswith("/")]


def matching_files(pattern: UPath) -> list[AnyPath]:
    """Return the remote files whose addresses match a pattern with ``*`` and ``?``.

    Raises:
        InputError: It is on the web.
        CarcinomapError: The storage cannot be asked.
    """
    _refuse_web(pattern, "find what matches a pattern")
    with told(pattern, "folder"):
        found = filesystem(pattern).glob(pattern.path, detail=True)
    files = sorted(name for name, known in found.items() if known["type"] != "directory")
    return [_beside(pattern, name) for name in files]


def read_small(path: AnyPath, most: int) -> bytes | None:
    """Return a file's content; None where there is no such file, or a larger one than ``most``.

    Raises:
        CarcinomapError: The storage fails.
        OSError: A file on a disk cannot be read.
    """
    if kind_of(path) != "file":
        return None
    source = open_bytes(path)
    try:
        return source.read_at(0, source.size) if source.size <= most else None
    finally:
        source.close()


def check_takes_files(folder: AnyPath) -> None:
    """Put an empty file into a remote folder, and remove it: what is seen now need not fail later.

    Where nothing may be removed, it stays. A folder on a disk is left alone.

    Raises:
        InputError: It is on the web, its bucket is missing, or writing is not allowed.
        CarcinomapError: The storage fails.
    """
    if isinstance(folder, Path):
        return
    _refuse_web(folder, "put files there")
    probe = folder / ".carcinomap"
    with told(folder, "bucket"):
        filesystem(folder).pipe_file(probe.path, b"")
    with suppress(Exception):  # of many libraries; another process may have removed it, too
        filesystem(folder).rm_file(probe.path)


def upload(file: Path, to: AnyPath) -> None:
    """Put a copy of a file somewhere, whole or not at all; what stood there is replaced.

    Raises:
        InputError: It is on the web, where nothing can be put, or not allowed.
        CarcinomapError: The storage fails.
        OSError: Of a place on a disk: it is full, or not to be written to.
    """
    if isinstance(to, Path):
        with atomic_path(to) as temporary:
            shutil.copyfile(file, temporary)
        return
    _refuse_web(to, "put a file there")
    with told(to):
        filesystem(to).put_file(os.fspath(file), to.path)  # shown there when it is whole


def _beside(path: UPath, place: str) -> UPath:
    """Return a place in the storage of a path, as that storage names it."""
    address = place if "://" in place else f"{path.protocol}://{place.lstrip('/')}"
    found: UPath = type(path)(address, **path.storage_options)
    return found


def _refuse_web(path: UPath, wish: str) -> None:
    if path.protocol in WEB:
        raise InputError(f"{path}: cannot {wish}: an address on the web means one file to read")


def remove(path: AnyPath) -> None:
    """Remove a file, if it is there.

    Raises:
        InputError: It is on the web, or not allowed.
        CarcinomapError: The storage fails.
        OSError: Of a file on a disk: it cannot be removed.
    """
    if isinstance(path, Path):
        path.unlink(missing_ok=True)
        return
    _refuse_web(path, "remove a file")
    if exists(path):
        with told(path):
            filesystem(path).rm_file(path.path)


def modified(path: AnyPath) -> float | None:
    """Return when a file was changed last, in seconds of POSIX time; None where that is not known.

    Raises:
        CarcinomapError: The storage cannot be asked.
    """
    if isinstance(path, Path):
        return path.stat().st_mtime
    known = description(path)
    when = known.get("LastModified") or known.get("last_modified")
    return when.timestamp() if isinstance(when, datetime) else None
