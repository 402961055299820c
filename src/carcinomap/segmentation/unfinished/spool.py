"""Finished cells of a map, compressed, on disk, until the file is put together from them."""

import zlib
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from carcinomap.segmentation.mapping.plan import CELL

NOT_MAPPED = 255
"""What a class map holds where it says nothing: glass, or outside the region of interest."""

ZLIB_LEVEL = 6  # fixed: the same map must give the same bytes

_EMPTY = np.full((CELL, CELL), NOT_MAPPED, np.uint8)
_EMPTY.flags.writeable = False
_EMPTY_BYTES = zlib.compress(_EMPTY.tobytes(), ZLIB_LEVEL)


class Spool:
    """Cells by (level, row, column); a cell that was never written is not mapped anywhere.

    A context manager, for one thread.

    Args:
        path: The file to hold them, made anew.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self._index: dict[tuple[int, int, int], tuple[int, int]] = {}
        self._end = 0

    def write(self, level: int, row: int, column: int, labels: NDArray[np.uint8]) -> None:
        """Keep a cell: uint8 (CELL, CELL)."""
        if (labels == NOT_MAPPED).all():
            return
        data = zlib.compress(labels.tobytes(), ZLIB_LEVEL)
        self._file.seek(self._end)
        self._file.write(data)
        self._index[level, row, column] = (self._end, len(data))
        self._end += len(data)

    def read(self, level: int, row: int, column: int) -> NDArray[np.uint8]:
        """Return a cell: uint8 (CELL, CELL), read-only."""
        if (level, row, column) not in self._index:
            return _EMPTY
        data = zlib.decompress(self.compressed(level, row, column))
        return np.frombuffer(data, np.uint8).reshape(CELL, CELL)

    def compressed(self, level: int, row: int, column: int) -> bytes:
        """Return a cell as the zlib stream that becomes a TIFF tile."""
        if (level, row, column) not in self._index:
            return _EMPTY_BYTES
        start, length = self._index[level, row, column]
        self._file.seek(start)
        return self._file.read(length)

    def cells(self, level: int) -> list[tuple[int, int]]:
        """Return (row, column) of a level's cells that hold something, in reading order."""
        return sorted((row, column) for at, row, column in self._index if at == level)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
