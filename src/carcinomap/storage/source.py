"""The bytes of a file, piece by piece, wherever it is."""

import os
import weakref
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from upath import UPath

from carcinomap.errors import InputError
from carcinomap.storage.filesystem import filesystem
from carcinomap.storage.paths import WEB, AnyPath
from carcinomap.storage.patience import WAITS, patiently
from carcinomap.storage.trouble import ChangedError, told
from carcinomap.storage.web import NoRangesError, OtherFileError, fetch

GAP = 8_192
"""Bytes between two pieces that are fetched along rather than asked for in another request."""

LARGEST_REQUEST = 16_000_000

SIGNS = ("ETag", "etag", "Last-Modified", "LastModified", "last_modified", "mtime", "created")
"""What storages call that by which one can tell whether a file has changed."""


class ByteSource(ABC):
    """A file to be read from many threads at once; pickling one sends its path.

    Attributes:
        path: The file.
        size: Its bytes.
    """

    path: AnyPath
    size: int

    @abstractmethod
    def read_at(self, offset: int, count: int) -> bytes:
        """Return ``count`` bytes from ``offset`` on, fewer only at the end of the file.

        Raises:
            CarcinomapError: The storage fails, or the file has changed meanwhile.
        """

    def read_pieces(self, pieces: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return the bytes of several pieces, each given by offset and count."""
        return [self.read_at(offset, count) for offset, count in pieces]

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return open_bytes, (self.path,)


def open_bytes(path: AnyPath) -> ByteSource:
    """Open a file for reading piece by piece.

    Raises:
        InputError: There is no such remote file, or it may not be read.
        CarcinomapError: Its server cannot be reached.
        OSError: A file on a disk cannot be opened.
    """
    if isinstance(path, Path):
        return LocalSource(path)
    source = RemoteSource(path)
    if path.protocol in WEB and not source.gives_pieces():
        from carcinomap.storage.cache import CachedSource  # noqa: PLC0415 - it reads by sources

        return CachedSource(path)
    return source


class LocalSource(ByteSource):
    """A file on a disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("rb", buffering=0)
        # What nobody closed, such as the slide of a worker that has ended, closes by itself.
        self._close = weakref.finalize(self, self._file.close)
        self.size = os.fstat(self._file.fileno()).st_size

    def read_at(self, offset: int, count: int) -> bytes:
        """Return ``count`` bytes from ``offset`` on, fewer only at the end of the file."""
        return os.pread(self._file.fileno(), count, offset)

    def close(self) -> None:
        """Close the file."""
        self._close()


class RemoteSource(ByteSource):
    """A file on a server, of which only those bytes travel that are asked for."""

    path: UPath

    def __init__(self, path: UPath) -> None:
        self.path = path
        self._known = description(path)
        size = self._known.get("size")
        # A server that does not tell how long a file is cannot be asked for its end either.
        self.size = -1 if size is None else int(size)
        self._process = 0
        self._handle: Any = None

    @property
    def signs(self) -> tuple[int | None, str | None]:
        """Size, and what differs when the file was changed."""
        return signs_of(self._known)

    def gives_pieces(self) -> bool:
        """Say whether the server sends parts of files."""
        try:
            if self.size > 0:
                self._fetch(0, 1)
        except NoRangesError:
            return False
        return self.size >= 0

    def read_at(self, offset: int, count: int) -> bytes:
        """Return ``count`` bytes from ``offset`` on, fewer only at the end of the file."""
        stop = min(offset + count, self.size)
        return self._fetch(offset, stop) if 0 <= offset < stop else b""

    def read_pieces(self, pieces: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return the bytes of several pieces; those that lie side by side in one request."""
        found: dict[tuple[int, int], bytes] = {}
        for together in _neighbours(pieces):
            start = together[0][0]
            content = self.read_at(start, max(offset + count for offset, count in together) - start)
            for offset, count in together:
                found[offset, count] = content[offset - start : offset - start + count]
        return [found[piece] for piece in pieces]

    def close(self) -> None:
        """Let go of the file."""
        self._handle = None

    def _fetch(self, start: int, stop: int) -> bytes:
        with told(self.path):
            return patiently(self.path, lambda: self._fetch_once(start, stop))

    def _fetch_once(self, start: int, stop: int) -> bytes:
        files, place = filesystem(self.path), self.path.path
        if self.path.protocol in WEB:
            try:
                return fetch(files, place, start, stop, self._known)
            except OtherFileError as error:
                raise ChangedError(self.path) from error
        handle = self._handle_of(files)
        # Handles ask for pieces of the very file that they have opened; not all storages have one.
        read = getattr(handle, "_fetch_range", None)
        content = bytes(read(start, stop) if read else files.cat_file(place, start, stop))
        if len(content) != stop - start:
            raise ChangedError(self.path)
        return content

    def _handle_of(self, files: Any) -> Any:
        """Return the storage's own handle; one of before a fork does not work after it."""
        if self._handle is None or self._process != os.getpid():
            handle = files.open(self.path.path, "rb", cache_type="none")
            details = getattr(handle, "details", self._known)
            if signs_of(details) != signs_of(self._known):
                raise ChangedError(self.path)
            self._handle, self._process = handle, os.getpid()
        return self._handle


def description(path: UPath, what: str = "file") -> Mapping[str, Any]:
    """Ask a storage about a file.

    Raises:
        InputError: There is none, or it is a folder.
        CarcinomapError: The storage cannot be asked.
    """
    with told(path, what):
        known: Mapping[str, Any] = patiently(
            path, lambda: filesystem(path).info(path.path), WAITS[:1]
        )
    if known["type"] == "directory":
        raise InputError(f"{path}: a folder, where a {what} was expected")
    return known


def signs_of(known: Mapping[str, Any]) -> tuple[int | None, str | None]:
    """Return a file's size, and what differs when it was changed, where its storage says so."""
    sign = next((known[key] for key in SIGNS if known.get(key)), None)
    return known.get("size"), None if sign is None else str(sign)


def _neighbours(pieces: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Group pieces that lie side by side in a file."""
    groups: list[list[tuple[int, int]]] = []
    end = 0
    for offset, count in sorted(set(pieces)):
        first = groups[-1][0][0] if groups else 0
        if groups and offset <= end + GAP and offset + count - first <= LARGEST_REQUEST:
            groups[-1].append((offset, count))
            end = max(end, offset + count)
        else:
            groups.append([(offset, count)])
            end = offset + count
    return groups
