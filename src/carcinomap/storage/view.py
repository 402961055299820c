"""A source as a file to be read from beginning to end, or here and there."""

import io
from collections import OrderedDict
from typing import TYPE_CHECKING

from carcinomap.storage.source import ByteSource

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK = 32_768
KEPT = 64  # blocks


class FileView(io.RawIOBase):
    """A seekable file over a source, for libraries that want one; not for several threads.

    It reads a block at a time and keeps the last ones: what describes a file lies together in a
    few places of it, and is asked for in crumbs. Long pieces are read as they are, and not kept.
    """

    def __init__(self, source: ByteSource) -> None:
        super().__init__()
        self._source = source
        self._position = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that one can go to any place of it."""
        return True

    def tell(self) -> int:
        """Return where the next byte is read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, counted from the beginning, from here, or from the end."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._source.size}
        self._position = max(0, start[whence] + offset)
        return self._position

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read into a buffer, fully but at the end of the file; return the number of bytes."""
        target = memoryview(buffer).cast("B")
        content = self._read(self._position, len(target))
        target[: len(content)] = content
        self._position += len(content)
        return len(content)

    def _read(self, offset: int, count: int) -> bytes:
        if count > 4 * BLOCK:
            return self._source.read_at(offset, count)
        first, stop = offset // BLOCK, -(-(offset + count) // BLOCK)
        missing = [index for index in range(first, stop) if index not in self._blocks]
        if missing:
            self._fetch(missing[0], missing[-1] + 1)
        content = b"".join(self._blocks[index] for index in range(first, stop))
        for index in range(first, stop):
            self._blocks.move_to_end(index)
        while len(self._blocks) > KEPT:
            self._blocks.popitem(last=False)
        return content[offset - first * BLOCK :][:count]

    def _fetch(self, first: int, stop: int) -> None:
        """Read some blocks together."""
        content = self._source.read_at(first * BLOCK, (stop - first) * BLOCK)
        for index in range(first, stop):
            start = (index - first) * BLOCK
            self._blocks[index] = content[start : start + BLOCK]
