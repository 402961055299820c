"""Tell from its beginning what a JSON file is about."""

import io
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import ijson

from carcinomap.annotation.formats.json_reader import events_of
from carcinomap.annotation.formats.sniffing import FileStart

_HEAD = 1 << 16
_ENDS = {"end_map", "end_array"}
_BEGINS = {"start_map", "start_array"}


def outer_members(start: FileStart) -> Iterator[tuple[str, Any]]:
    """Yield what the beginning of a file says of its outermost object.

    Args:
        start: The beginning of any file.

    Yields:
        Key and value of every member, the value None where it is itself an object or array. The
        same of the objects in an outermost array, and of a file of another kind nothing.
    """
    if start.kind == "image" or start.root:
        return
    with start.path.open("rb") as file:
        head = io.BytesIO(file.read(_HEAD))
    with suppress(ijson.JSONError, UnicodeError, OverflowError):
        yield from _members(events_of(head))


def _members(events: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    outermost, _ = next(events)
    level = {"start_map": 1, "start_array": 2}.get(outermost, 0)
    depth = 1
    key = None
    for event, scalar in events:
        if depth == level and event == "map_key":
            key = scalar
        elif key is not None:
            yield key, scalar
            key = None
        depth += (event in _BEGINS) - (event in _ENDS)
