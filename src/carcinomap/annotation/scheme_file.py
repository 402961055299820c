"""Read the plain values of a class scheme, and say at which line one of them is wrong.

A scheme comes out of two places: a YAML file that a person wrote, where every complaint needs a
line, and the JSON inside a model file, which has none. Both are checked by the same functions:
a ``SchemeError`` says at which *place* (keys and positions from the top) something is wrong,
and ``read_yaml`` knows the line of every place.
"""

import re
from collections.abc import Callable, Iterator, Set

import yaml

from carcinomap.errors import InputError, existing_file
from carcinomap.storage import AnyPath, as_path, local_copy

_MAX_BYTES = 1_000_000
_NULL = "tag:yaml.org,2002:null"

Place = tuple[str | int, ...]


class SchemeError(InputError):
    """Something in a class scheme is wrong.

    Attributes:
        place: Keys and positions that lead to it from the top.
    """

    def __init__(self, message: str, *place: str | int) -> None:
        super().__init__(message)
        self.place = place


def fields(
    value: object, *place: str | int, required: Set[str], optional: Set[str]
) -> dict[str, object]:
    """Return ``value`` if it is a mapping with the required keys and no unknown one."""
    if not isinstance(value, dict):
        raise SchemeError(f"keys were expected here: {', '.join(sorted(required))}", *place)
    known = ", ".join(sorted(required | optional))
    for key in value:
        if key not in required | optional:
            raise SchemeError(f"unknown key {key!r} (there are: {known})", *place, str(key))
    for key in sorted(required - value.keys()):
        raise SchemeError(f"{key!r} is missing", *place)
    return value


def text(value: object, *place: str | int) -> str:
    """Return ``value`` if it is a text."""
    if value is None:
        raise SchemeError('empty (a value that begins with # needs quotes: "#d55e00")', *place)
    if not isinstance(value, str):
        raise SchemeError("a text was expected", *place)
    return value


def texts(value: object, *place: str | int) -> tuple[str, ...]:
    """Return ``value`` as a tuple if it is a list of texts."""
    if not isinstance(value, list):
        raise SchemeError("a list was expected, such as [first, second]", *place)
    return tuple(text(item, *place, position) for position, item in enumerate(value))


def pairs(value: object, *place: str | int) -> tuple[tuple[int, str], ...]:
    """Return (pixel value, label) by value from a mapping of whole numbers to texts."""
    if not isinstance(value, dict):
        raise SchemeError("pairs were expected, such as {0: normal, 1: benign}", *place)
    found: dict[int, str] = {}
    for key, label in value.items():
        if not re.fullmatch(r"[0-9]{1,9}", str(key)):
            raise SchemeError(f"{key!r} is no pixel value", *place, str(key))
        if int(key) in found:
            raise SchemeError(f"pixel value {int(key)} is there twice", *place, str(key))
        found[int(key)] = text(label, *place, str(key))
    return tuple(sorted(found.items()))


def read_yaml(path: str | AnyPath) -> tuple[object, Callable[[Place], int]]:
    """Read a small YAML file as texts, lists and mappings with text keys.

    Scalars stay as they are written, so that a class may be called ``no`` or ``1``; an empty
    one is ``None``.

    Returns:
        The value, and a function that gives the line of a place (that of the nearest place
        around it where there is no such place).

    Raises:
        InputError: Not YAML, a key twice, YAML references, or far too large.
    """
    path = as_path(path)
    file = existing_file(local_copy(path, "class file"), "class file")
    if file.stat().st_size > _MAX_BYTES:
        raise InputError(f"{path}: larger than 1 MB; this is no class file")
    lines: dict[Place, int] = {}
    try:
        node = yaml.compose(file.read_bytes(), Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise InputError(f"{path}{_line_of_error(error)}: not YAML ({_reason(error)})") from None
    except RecursionError:
        raise InputError(f"{path}: nested too deeply for a class file") from None
    if node is None:
        raise InputError(f"{path}: empty; a class file lists at least two `classes:`")
    try:
        value = _plain(node, (), lines, set())
    except SchemeError as fault:
        raise InputError(f"{path}, line {lines[fault.place]}: {fault}") from None

    def line_of(place: Place) -> int:
        while place not in lines:
            place = place[:-1]
        return lines[place]

    return value, line_of


def _plain(node: yaml.Node, place: Place, lines: dict[Place, int], nodes: set[yaml.Node]) -> object:
    lines[place] = node.start_mark.line + 1
    if node in nodes:  # a few references to references make gigabytes, or contain themselves
        raise SchemeError("YAML references (*name) have no place in a class file", *place)
    nodes.add(node)
    if isinstance(node, yaml.MappingNode):
        return dict(_items(node, place, lines, nodes))
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*place, at), lines, nodes) for at, item in enumerate(node.value)]
    return None if node.tag == _NULL else node.value


def _items(
    node: yaml.MappingNode, place: Place, lines: dict[Place, int], nodes: set[yaml.Node]
) -> Iterator[tuple[str, object]]:
    seen = set()
    for key, item in node.value:
        name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
        here = (*place, name)
        if name in seen:
            lines[here] = key.start_mark.line + 1
            raise SchemeError(f"{name!r} is there twice", *here)
        seen.add(name)
        yield name, _plain(item, here, lines, nodes)
        lines[here] = key.start_mark.line + 1


def _line_of_error(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f", line {mark.line + 1}" if mark else ""


def _reason(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
