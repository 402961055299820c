"""Read XML element by element, whatever somebody put into the file.

Files come from anywhere. Document types, and entities with them, are refused; nesting, names and
the length of any single piece are bounded; and nothing is kept but what the builder keeps, so
that memory depends on the vertices of a file and not on its size.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar
from xml.parsers import expat

from carcinomap.errors import InputError

_CHUNK = 1 << 18
_LONGEST = 1 << 22
_DEEPEST = 64
_MOST_NAMES = 1 << 12
_MOST_ITEMS = 3_000_000

Item = TypeVar("Item")


class Builder(Protocol[Item]):
    """Makes things out of elements; elements that are in neither table are passed over."""

    @property
    def root(self) -> str:
        """Name that the outermost element must have."""

    @property
    def starts(self) -> Mapping[str, Callable[[dict[str, str]], None]]:
        """By name of an element, what to do with its attributes when it starts."""

    @property
    def ends(self) -> Mapping[str, Callable[[str], None]]:
        """By name of an element, what to do with the text before its end when it ends."""

    def finished(self) -> list[Item]:
        """Hand out what is complete by now, once."""


def stream(path: Path, builder: Builder[Item], text: bool = False) -> Iterator[Item]:
    """Read a file through a builder and yield what it finishes, as soon as it has.

    Args:
        path: The file.
        builder: What to make of the elements.
        text: Whether text matters, or attributes alone.

    Raises:
        InputError: Not XML, not whole, of another format, or of a kind that no annotation has.
    """
    names: dict[str, str] = {}
    parser = expat.ParserCreate(intern=names)
    elements = _Elements(path, parser, builder, text)
    with path.open("rb") as file, _told(path, elements):
        size = count = 0
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            parser.Parse(chunk, False)
            finished = builder.finished()
            count += len(finished)
            unfinished = max(size - parser.CurrentByteIndex, elements.length_of_text())
            if unfinished > _LONGEST or len(names) > _MOST_NAMES or count > _MOST_ITEMS:
                raise elements.refused("larger or more varied than any annotation")
            yield from finished
        parser.Parse(b"", True)
        yield from builder.finished()


class _Elements:
    """Passes elements on from the parser to the builder."""

    def __init__(
        self, path: Path, parser: expat.XMLParserType, builder: Builder[Any], text: bool
    ) -> None:
        self.begun = False
        self._path = path
        self._parser = parser
        self._root = builder.root
        self._starts = builder.starts
        self._ends = builder.ends
        self._depth = 0
        self._text: list[str] = []
        parser.StartElementHandler = self._first
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._doctype
        if text:
            parser.buffer_text = True
            parser.CharacterDataHandler = self._text.append

    def refused(self, why: str) -> InputError:
        return InputError(f"{self._path}, line {self._parser.CurrentLineNumber}: {why}")

    def length_of_text(self) -> int:
        return sum(map(len, self._text))

    def _first(self, name: str, attributes: dict[str, str]) -> None:
        if name != self._root:
            raise self.refused(f"begins with <{name[:80]}>, not with <{self._root}>")
        self.begun = True
        self._parser.StartElementHandler = self._start
        self._start(name, attributes)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self.refused(f"elements inside elements, {_DEEPEST} deep: no annotation is")
        if self._text:
            self._text.clear()
        if start := self._starts.get(name):
            start(attributes)

    def _end(self, name: str) -> None:
        self._depth -= 1
        if end := self._ends.get(name):
            end("".join(self._text))
        if self._text:
            self._text.clear()

    def _doctype(self, *_: object) -> None:
        raise self.refused(
            "has a document type or entities, which annotations have no use for and attacks "
            "have; remove the <!DOCTYPE …> if you trust the file"
        )


@contextmanager
def _told(path: Path, elements: _Elements) -> Iterator[None]:
    """Say for people what the parser or the disk objects to."""
    try:
        yield
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code)
        raise InputError(
            f"{path}, line {error.lineno}: not XML, or not all of it ({reason}). "
            "Was it copied to its end?"
        ) from None
    except (LookupError, ValueError) as error:
        if elements.begun:
            raise
        raise InputError(f"{path}: the encoding that it names cannot be read ({error})") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
