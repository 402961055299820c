"""Read JSON as a stream, value by value.

Files of hundreds of megabytes are nearly all coordinates. Parsed as usual, each number becomes an
object and each vertex a list, ten times the size of what is kept. Here only the members asked for
become objects at all, and positions go straight into arrays.
"""

import re
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import ijson
import numpy as np

from carcinomap.annotation.formats.json_bytes import JsonBytes
from carcinomap.annotation.formats.regions import Points, on_slide
from carcinomap.errors import InputError

Positions: TypeAlias = "tuple[float, float] | Points | list[Positions]"
"""A single position, the vertices of a line, or lists of either, nested as in the file."""

_CHUNK = 1 << 14  # bytes
_DEEPEST = 32  # no format nests what it means half as deeply
_AT_ONCE = 1 << 16  # vertices


@dataclass(frozen=True)
class Wanted:
    """What of a file becomes values.

    Attributes:
        members: Keys of members of objects that are kept; others are passed over.
        positions: Keys of members of objects that hold positions.
    """

    members: frozenset[str]
    positions: frozenset[str]


class JsonReader:
    """The values of a JSON file, one after the other.

    Attributes:
        place: What is being read, for messages.
    """

    def __init__(self, path: Path, events: Iterator[tuple[str, Any]], wanted: Wanted) -> None:
        self.place = ""
        self._path = path
        self._events = events
        self._wanted = wanted

    @property
    def where(self) -> str:
        """The file, and the place in it."""
        return f"{self._path}: {self.place}" if self.place else str(self._path)

    def refused(self, why: str) -> InputError:
        """Return the error that says what is wrong with what is being read."""
        return InputError(f"{self.where}: {why}")

    def begin(self) -> str:
        """Enter the outermost value, and return its kind: ``start_map`` or ``start_array``."""
        kind, _ = next(self._events)
        if kind not in ("start_map", "start_array"):
            raise self.refused("neither an object nor a list")
        return kind

    def enter(self, key: str, kind: str) -> None:
        """Enter the value of a key, which has to be of a kind as ``begin`` returns it."""
        found, _ = next(self._events)
        if found != kind:
            expected = "an object" if kind == "start_map" else "a list"
            raise self.refused(f"'{key}' is not {expected}")

    def members(self) -> Iterator[str]:
        """Yield the keys of the object just entered; each is to be taken or entered at once."""
        for event, key in self._events:
            if event == "end_map":
                return
            yield key

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield the event that each item of the array just entered begins with."""
        for event, scalar in self._events:
            if event == "end_array":
                return
            yield event, scalar

    def values(self, what: str) -> Iterator[Any]:
        """Yield the items of the array just entered; ``what`` is their place in messages."""
        for number, (event, scalar) in enumerate(self.items(), start=1):
            self.place = f"{what} {number}"
            yield self._value(event, scalar, 0)
        self.place = ""

    def take(self, key: str, into: dict[str, Any], depth: int = 0) -> None:
        """Put the value of a key into a dictionary, if it is wanted."""
        event, scalar = next(self._events)
        if event == "start_array" and key in self._wanted.positions:
            into[key] = self._positions(depth)
        elif key in self._wanted.members:
            into[key] = self._value(event, scalar, depth)
        else:
            self._pass_over(event)

    def finish(self) -> None:
        """Make sure that the rest of the file is whole."""
        for _ in self._events:
            pass

    def _value(self, event: str, scalar: Any, depth: int) -> Any:
        if depth > _DEEPEST:
            raise self.refused("nested too deeply")
        if event == "start_array":
            return [self._value(*item, depth + 1) for item in self.items()]
        if event != "start_map":
            return scalar
        taken: dict[str, Any] = {}
        for key in self.members():
            self.take(key, taken, depth + 1)
        return taken

    def _pass_over(self, event: str) -> None:
        depth = 0
        while True:
            if event.startswith("start"):
                depth += 1
            elif event.startswith("end"):
                depth -= 1
            if depth == 0:
                return
            event, _ = next(self._events)

    def _positions(self, depth: int) -> Positions:
        """Read the array just entered."""
        event, scalar = next(self._events)
        if event == "number":
            return self._position(scalar)
        if event == "end_array":
            return []
        first = self._inner(event, depth)
        if isinstance(first, tuple):
            return self._vertices(first)
        return [first, *(self._inner(event, depth) for event, _ in self.items())]

    def _inner(self, event: str, depth: int) -> Positions:
        if event != "start_array":
            raise self._no_point()
        if depth > _DEEPEST:
            raise self.refused("nested too deeply")
        return self._positions(depth + 1)

    def _position(self, x: float) -> tuple[float, float]:
        """Read the rest of a position, of which only x and y matter."""
        rest = list(self.items())
        if not rest or any(event != "number" for event, _ in rest):
            raise self._no_point()
        return x, rest[0][1]

    def _vertices(self, first: tuple[float, float]) -> Points:
        """Read the rest of an array of positions. Nearly all of a file passes through here."""
        coordinates = array("d", first)
        add = coordinates.append
        place = -1  # of the next coordinate in its position; -1 between positions
        for event, scalar in self._events:
            if event == "number" and place >= 0:
                if place < 2:
                    add(scalar)
                place += 1
            elif event == "start_array" and place < 0:
                place = 0
            elif event == "end_array" and place < 0:
                break
            elif event == "end_array" and place >= 2:
                place = -1
            else:
                raise self._no_point()
        points = np.frombuffer(coordinates).reshape(-1, 2)
        for start in range(0, len(points), _AT_ONCE):
            some = points[start : start + _AT_ONCE]
            some[:] = on_slide(self.where, *some.T)
        return points

    def _no_point(self) -> InputError:
        return InputError(f"{self.where} has a vertex that is no point")


@contextmanager
def open_json(path: Path, wanted: Wanted) -> Iterator[JsonReader]:
    """Open a JSON file, to be read to its end.

    Args:
        path: The file, in UTF-8, or in UTF-16 with a byte order mark.
        wanted: What of it becomes values.

    Raises:
        InputError: The file cannot be read, or turned out to be no JSON or not whole.
    """
    try:
        with path.open("rb") as file:
            reader = JsonReader(path, events_of(file), wanted)
            yield reader
            reader.finish()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (ijson.JSONError, UnicodeError, OverflowError) as error:
        reason = re.split(r"\\n|\n", str(error).removeprefix("b'"))[0]
        raise reader.refused(
            f"not JSON, or not all of it ({reason}). Was it copied to its end?"
        ) from None


def events_of(file: BinaryIO) -> Iterator[tuple[str, Any]]:
    """Parse an open file."""
    return iter(ijson.basic_parse(JsonBytes(file), use_float=True, buf_size=_CHUNK))
