"""The bytes of a JSON file, as a strict parser takes them.

QuPath writes measurements that are no number as NaN, which is no JSON. They become null, as does
everything else of the kind; a position that holds one is no position then.
"""

import io
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from typing import BinaryIO, TextIO

_NOT_FINITE = (b"NaN", b"Infinity")
_STRING_OR_NOT_FINITE = re.compile(rb'"(?:[^"\\]|\\.)*+"?|-?\b(?:NaN|Infinity)\b', re.DOTALL)
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_INSIDE_A_WORD = frozenset(b"-NaInfinity")
_LONGEST_WORD = len(b"-Infinity")


class JsonBytes:
    """Reads an open file: UTF-8 as it is, and UTF-16 with a byte order mark as UTF-8."""

    def __init__(self, file: BinaryIO) -> None:
        head = file.read(3)
        if head != BOM_UTF8:
            file.seek(0)
        wide = head.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
        self._file: BinaryIO = file
        self._text: TextIO | None = io.TextIOWrapper(file, "utf-16", newline="") if wide else None
        self._in_string = False

    def read(self, size: int = -1, /) -> bytes:
        """Return about as many of the next bytes as asked for; none at the end."""
        chunk = self._up_to_a_word(size)
        inside = self._in_string
        self._in_string ^= _ESCAPED.sub(b"", chunk).count(b'"') % 2 == 1
        if not any(word in chunk for word in _NOT_FINITE):
            return chunk
        opening = b'"' * inside
        return _STRING_OR_NOT_FINITE.sub(_finite, opening + chunk).removeprefix(opening)

    def _up_to_a_word(self, size: int) -> bytes:
        """Return bytes that end neither in a word of interest nor in an escape."""
        chunk = self._next(size)
        for _ in range(_LONGEST_WORD):
            if not chunk or chunk[-1] not in _INSIDE_A_WORD:
                break
            chunk += self._next(1)
        backslashes = len(chunk) - len(chunk.rstrip(b"\\"))
        return chunk + self._next(1) if backslashes % 2 else chunk

    def _next(self, size: int) -> bytes:
        return self._text.read(size).encode() if self._text else self._file.read(size)


def _finite(found: re.Match[bytes]) -> bytes:
    return found[0] if found[0].startswith(b'"') else b"null"
