"""Write JSON that is nearly all coordinates."""

import json
from collections.abc import Iterator
from typing import Any, TextIO

import numpy as np

from carcinomap.annotation.formats.regions import Points

_AT_ONCE = 1 << 12  # vertices
_DECIMALS = 4  # of pixels: they tell 1/1024 from 2/1024


def as_json(value: Any) -> str:
    """Return a small value as JSON in one line."""
    return json.dumps(value, ensure_ascii=False)


def write_rings(file: TextIO, rings: list[Points], position: str) -> None:
    """Write rings as an array of arrays of positions.

    Args:
        file: Where to.
        rings: Their vertices.
        position: How to write a position, with ``%g`` for x and for y.
    """
    for number, ring in enumerate(rings):
        file.write(", [" if number else "[")
        file.writelines(_positions(ring, position))
        file.write("]")


def _positions(points: Points, position: str) -> Iterator[str]:
    position = position.replace("%g", "%.14g") + ", "  # all digits, of 1e9 too
    for start in range(0, len(points), _AT_ONCE):
        some = np.round(points[start : start + _AT_ONCE], _DECIMALS) + 0.0
        text = (position * len(some)) % tuple(some.ravel().tolist())
        yield text if start + _AT_ONCE < len(points) else text.removesuffix(", ")
