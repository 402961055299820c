"""What is finished of a map, on disk: an append-only log that survives being killed.

Every record carries its key, its length and a checksum. A record that was being written when the
process died is cut off when the log is opened again; all before it counts. The first record says
what is being made of what, so that nobody goes on with the work of somebody else.
"""

import json
import os
import struct
import threading
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Self

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from carcinomap.errors import InputError
from carcinomap.files import json_bytes
from carcinomap.segmentation.mapping.plan import CELL, Cell
from carcinomap.segmentation.unfinished.index import Index, Key

NOT_MAPPED = 255
"""What a class map holds where it says nothing: glass, or outside the region of interest."""

LEVEL = 5  # of compression; fixed, since the same map must give the same bytes

IDENTITY = -1
OUTLINES = -2
"""In place of a level in a record's key: the outlines of a block, by its row and column."""

_HEAD = struct.Struct("<iiiII")  # key, length and CRC-32 of key, length and payload

_EMPTY = np.full((CELL, CELL), NOT_MAPPED, np.uint8)
_EMPTY.flags.writeable = False


def compress(labels: NDArray[np.uint8]) -> bytes:
    """Return labels as a zlib stream, such as becomes a tile of a TIFF."""
    return bytes(imagecodecs.deflate_encode(labels.tobytes(), level=LEVEL))


EMPTY_CELL = compress(_EMPTY)
"""A cell that is mapped nowhere."""


class Spool:
    """Cells and other records of one map; a cell that was never written is mapped nowhere.

    A context manager; safe to use from several threads, by one process at a time.

    Args:
        path: The log; gone on with where there is one.
        identity: What is being made of what; JSON.

    Raises:
        InputError: The log there is of another identity.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any] | None = None) -> None:
        self._path = path
        self._file: BinaryIO = path.open("a+b", buffering=0)
        self._lock = threading.Lock()
        self._index = Index()
        try:
            self._end = self._recover()
            self._identify(path, identity or {})
        except BaseException:
            self.close()
            raise

    def put(self, key: Key, data: bytes) -> None:
        """Keep a record; one that is there already stays as it is."""
        head = _HEAD.pack(*key, len(data), 0)
        record = _HEAD.pack(*key, len(data), zlib.crc32(data, zlib.crc32(head))) + data
        with self._lock:
            if key in self._index:
                return
            start = self._end + _HEAD.size
            self._write(record)
            self._index[key] = (start, len(data))

    def get(self, key: Key) -> bytes | None:
        """Return a record, or None where there is none."""
        place = self._index.get(key)
        return None if place is None else os.pread(self._file.fileno(), place[1], place[0])

    def __contains__(self, key: Key) -> bool:
        return key in self._index

    def keys(self, level: int) -> Iterator[Cell]:
        """Yield row and column of the records of a level, in reading order."""
        with self._lock:
            found = self._index.records(level)
        return (cell for cell, _ in found)

    def write(self, level: int, row: int, column: int, labels: NDArray[np.uint8]) -> None:
        """Keep a cell: uint8 (CELL, CELL)."""
        empty = bool((labels == NOT_MAPPED).all())
        data = b"" if empty else compress(labels)
        self.put((level, row, column), data)

    def read(self, level: int, row: int, column: int) -> NDArray[np.uint8]:
        """Return a cell: uint8 (CELL, CELL), read-only."""
        data = self.get((level, row, column))
        if not data:
            return _EMPTY
        pixels = imagecodecs.deflate_decode(data, out=CELL * CELL)
        return np.frombuffer(pixels, np.uint8).reshape(CELL, CELL)

    def compressed(self, level: int, row: int, column: int) -> bytes:
        """Return a cell as the zlib stream that becomes a TIFF tile."""
        return self.get((level, row, column)) or EMPTY_CELL

    def cells(self, level: int) -> Iterator[Cell]:
        """Yield row and column of a level's cells that hold something, in reading order."""
        with self._lock:
            found = self._index.records(level)
        return (cell for cell, length in found if length)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the log, and remove it where nothing was begun."""
        self._file.close()
        if self._index.levels <= {IDENTITY}:
            self._path.unlink(missing_ok=True)

    def _write(self, record: bytes) -> None:
        """Append all of a record, or nothing: a full disk must not leave half of one between."""
        written = 0
        try:
            while written < len(record):
                written += self._file.write(memoryview(record)[written:])
        except BaseException:
            os.ftruncate(self._file.fileno(), self._end)
            raise
        self._end += len(record)

    def _recover(self) -> int:
        """Index the records that are whole and cut off what follows; return where they end."""
        end, size = 0, os.fstat(self._file.fileno()).st_size
        while end + _HEAD.size <= size:
            *key, length, checksum = _HEAD.unpack(os.pread(self._file.fileno(), _HEAD.size, end))
            start = end + _HEAD.size
            if start + length > size:
                break
            data = os.pread(self._file.fileno(), length, start)
            if zlib.crc32(data, zlib.crc32(_HEAD.pack(*key, length, 0))) != checksum:
                break
            self._index[key[0], key[1], key[2]] = (start, length)
            end = start + length
        if end < size:
            os.ftruncate(self._file.fileno(), end)
        return end

    def _identify(self, path: Path, identity: Mapping[str, Any]) -> None:
        """Begin with the identity, or compare with it.

        Raises:
            InputError: It is another one.
        """
        begun = self.get((IDENTITY, 0, 0))
        if begun is None:
            self.put((IDENTITY, 0, 0), json_bytes(identity))
            return
        try:
            before = dict(json.loads(begun))
        except (ValueError, TypeError):
            before = {}
        now = json.loads(json.dumps(identity))
        differing = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
        if differing:
            raise InputError(
                f"{path.parent}: was begun and not finished, with another "
                f"{', '.join(differing)}; finish it as it was begun, choose another folder, or "
                "start anew with --overwrite"
            )
