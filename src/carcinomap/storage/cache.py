"""Local copies of remote files, for what needs a real file; bounded, and shared by processes.

Those that were not used for longest make room for others.
"""

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from upath import UPath

from carcinomap.errors import CarcinomapError, InputError
from carcinomap.storage.download import download
from carcinomap.storage.paths import AnyPath
from carcinomap.storage.source import LocalSource, description, signs_of
from carcinomap.storage.user_cache import cache_folder

GB = 1_000_000_000
DEFAULT_GB = 50.0
SPARE = GB // 2
"""Bytes of the disk that are left to others."""
_THIS_PROCESS = secrets.token_hex(8)
"""In place of a version, where a server tells none."""


class LocalCopy:
    """A local file with the content of another; as long as it is open, it stays where it is.

    Attributes:
        path: The local file.
    """

    def __init__(self, path: Path, lock: int | None = None) -> None:
        self.path = path
        self._release = weakref.finalize(self, os.close, lock) if lock is not None else None

    def close(self) -> None:
        """Allow the copy to make room for others."""
        if self._release is not None:
            self._release()


class CachedSource(LocalSource):
    """A remote file read from its local copy, where its server does not send parts of files."""

    def __init__(self, path: UPath) -> None:
        self._copy = open_copy(path)
        super().__init__(self._copy.path)
        self.path = path

    def close(self) -> None:
        """Close the copy."""
        super().close()
        self._copy.close()


def local_copy(path: AnyPath, what: str = "file") -> Path:
    """Return a local file with the content of ``path``: itself, or a copy to be read at once.

    Args:
        path: The file.
        what: What the user thinks of it as, such as ``"slide"``.

    Raises:
        InputError: There is no such remote file, or it is larger than the cache may be.
        CarcinomapError: Its server cannot be reached, or the disk is full.
    """
    copy = open_copy(path, what)
    copy.close()
    return copy.path


def open_copy(path: AnyPath, what: str = "file") -> LocalCopy:
    """Return what ``local_copy`` does, to be kept for longer and to be closed then.

    Raises:
        InputError, CarcinomapError: See ``local_copy``.
    """
    if isinstance(path, Path):
        return LocalCopy(path)
    known = description(path, what)
    key = _key(path, known)
    with _full_disk_told(path):
        entry = _folder() / key
        with FileLock(_lock_of(entry)):  # one process downloads, the others wait
            if not entry.is_dir():
                _fetch(path, known.get("size"), entry)
            os.utime(entry)
            return _held(entry, path)


@contextmanager
def reading_copy(path: AnyPath, what: str = "file") -> Iterator[Path]:
    """Give what ``local_copy`` returns; errors of the block name ``path`` instead of the copy.

    Raises:
        InputError, CarcinomapError: See ``local_copy``.
    """
    copy = open_copy(path, what)
    try:
        yield copy.path
    except InputError as error:
        raise InputError(str(error).replace(str(copy.path), str(path))) from error
    finally:
        copy.close()


def _key(path: UPath, known: Mapping[str, Any]) -> str:
    """Return what the entry of a file's content is called.

    What an address says after ``?`` may choose the file, or be a signature that is new every time:
    it does not count where the server tells contents apart. Where it does not even tell when a file
    changed, another process fetches it anew.
    """
    tagged = known.get("ETag") or known.get("etag")
    query = "" if tagged else path.storage_options.get("params", "")
    size, sign = signs_of(known)
    what = f"{path}\n{size}\n{_THIS_PROCESS if sign is None else sign}\n{query}"
    return hashlib.sha256(what.encode()).hexdigest()[:32]


def _held(entry: Path, path: UPath) -> LocalCopy:
    lock = _locked_open(entry, fcntl.LOCK_SH)
    return LocalCopy(entry / _name(path), lock)


def _locked_open(entry: Path, how: int) -> int:
    """Lock the file that says whether an entry is open; return its handle, which holds the lock.

    A file beside the entry: folders cannot be locked on NFS.
    """
    handle = os.open(entry.with_suffix(".open"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, how)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _name(path: UPath) -> str:
    """Return the file's name, of which readers want the ending, as a disk takes it."""
    return re.sub(r"[^\w.-]|^[.]+", "_", path.name)[-100:] or "_"


def _fetch(path: UPath, size: int | None, entry: Path) -> None:
    """Download a file into an entry of the cache, whole or not at all."""
    partial = entry.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
    try:
        with FileLock(entry.parent / "room.lock"):
            _make_room(path, size or 0, entry.parent)
            partial.mkdir()
            with (partial / _name(path)).open("wb") as file:
                file.truncate(size or 0)  # others see how much will be taken
        download(path, partial / _name(path), _bound())
        partial.replace(entry)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _make_room(path: UPath, size: int, folder: Path) -> None:
    """Remove the copies that were not used for longest, until another fits.

    Raises:
        InputError: It never will.
        CarcinomapError: It does not now.
    """
    bound = _bound()
    if size > bound:
        raise InputError(
            f"{path}: {size / GB:.3g} GB, and local copies may take {bound / GB:.3g} GB; allow "
            "more with the environment variable CARCINOMAP_CACHE_GB"
        )
    for partial in folder.glob("*.partial"):
        _remove(partial)  # of a process that was killed; one that goes on is at it
    sizes = {entry: _size(entry) for entry in folder.iterdir() if entry.is_dir()}
    oldest = sorted((entry for entry in sizes if not entry.suffix), key=_used)
    while True:
        taken, free = sum(sizes.values()), shutil.disk_usage(folder).free - SPARE
        if taken + size <= bound and size <= free:
            return
        if not oldest:
            raise CarcinomapError(
                f"{path}: no room for a local copy of {size / GB:.3g} GB in {folder}: "
                f"{max(0, free) / GB:.3g} GB of the disk are to be had, and "
                f"{taken / GB:.3g} of {bound / GB:.3g} GB for copies are in use; the "
                "environment variables CARCINOMAP_CACHE and CARCINOMAP_CACHE_GB name another "
                "folder and bound"
            )
        if _remove(oldest[0]):
            del sizes[oldest[0]]
        del oldest[0]


def _remove(entry: Path) -> bool:
    """Remove a copy, unless a process is at it or has it open; say whether it is gone."""
    try:
        with FileLock(_lock_of(entry), timeout=0):
            lock = _locked_open(entry, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                shutil.rmtree(entry)
            finally:
                os.close(lock)
    except (Timeout, BlockingIOError):
        return False
    except FileNotFoundError:  # another process was quicker
        return True
    return True


def _lock_of(entry: Path) -> Path:
    """Return the file that a process locks which makes or removes an entry, whole or partial."""
    return entry.with_suffix(".lock")


def _size(entry: Path) -> int:
    total = 0
    with suppress(OSError):  # another process may be at it
        total = sum(file.stat().st_size for file in entry.iterdir())
    return total


def _used(entry: Path) -> float:
    with suppress(OSError):
        return entry.stat().st_mtime
    return 0.0


def _folder() -> Path:
    folder = cache_folder("files")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _bound() -> int:
    """Return how many bytes all copies together may take."""
    text = os.environ.get("CARCINOMAP_CACHE_GB", "")
    try:
        gigabytes = float(text or DEFAULT_GB)
    except ValueError:
        gigabytes = -1
    if not 0 < gigabytes < 1e9:
        raise InputError(f"CARCINOMAP_CACHE_GB is {text!r}, where a number of gigabytes belongs")
    return int(gigabytes * GB)


@contextmanager
def _full_disk_told(path: UPath) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CarcinomapError(
            f"{path}: no local copy can be made ({error.strerror or error}: {error.filename}); "
            "the environment variable CARCINOMAP_CACHE names another folder"
        ) from error
