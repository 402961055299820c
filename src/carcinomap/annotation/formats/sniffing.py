"""Tell from its first bytes what kind of file an annotation is."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.parsers import expat

_HEAD = 1 << 16
_IMAGES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"\x89PNG\r\n\x1a\n")
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")

Kind = Literal["xml", "json", "image", "unknown"]


@dataclass(frozen=True)
class FileStart:
    """The beginning of a file.

    Attributes:
        kind: What kind of file it looks like.
        root: Name of the outermost element of XML; empty for everything else.
        text: The first 64 kB as text.
        path: The file.
    """

    kind: Kind
    root: str
    text: str
    path: Path


def start_of(path: Path) -> FileStart:
    """Look at the beginning of a file."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    text = head.decode("utf-8-sig", errors="replace").lstrip()
    if head.startswith(_IMAGES):
        return FileStart("image", "", text, path)
    if text[:1] in ("{", "["):
        return FileStart("json", "", text, path)
    if text[:1] == "<" or head.startswith(_BYTE_ORDER_MARKS):
        return FileStart("xml", _root(head), text, path)
    return FileStart("unknown", "", text, path)


class _FoundError(Exception):
    pass


def _root(head: bytes) -> str:
    """Return the name of the first element, empty where there is none."""
    names: list[str] = []

    def started(name: str, _: dict[str, str]) -> None:
        names.append(name)
        raise _FoundError

    parser = expat.ParserCreate()
    parser.StartElementHandler = started
    with suppress(_FoundError, expat.ExpatError, ValueError, LookupError):
        parser.Parse(head, False)
    return names[0] if names else ""
