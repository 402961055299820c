"""Texts, numbers and colours, whatever a JSON file has in their place."""

import math
import re

from carcinomap.annotation.formats.colours import colour_of

_SHORT = re.compile(r"#[0-9a-fA-F]{3}")
_CSS = re.compile(r"rgba?\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*(,[^,()]*)?\)")


def text_of(value: object) -> str:
    """Return a text without space around it; empty where there is none."""
    return value.strip() if isinstance(value, str) else ""


def number_of(value: object) -> float | None:
    """Return a finite number as such, and None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def numbers_of(value: object) -> list[float]:
    """Return a list of finite numbers as such, and an empty one for anything else."""
    numbers = [number_of(each) for each in value] if isinstance(value, list) else []
    whole = [number for number in numbers if number is not None]
    return whole if len(whole) == len(numbers) else []


def first_colour(*values: object) -> str | None:
    """Return the first of some values that is a colour, as ``#rrggbb``.

    Args:
        values: ``#rgb``, ``#rrggbb``, ``rgb(…)``, ``rgba(…)``; a list of red, green, blue, and
            perhaps alpha; or all of them in one number, alpha in its highest byte.
    """
    return next(filter(None, map(_colour, values)), None)


def _colour(value: object) -> str | None:
    if isinstance(value, str):
        return _from_text(value.strip())
    if isinstance(value, list):
        return _from_bytes(value[:3]) if len(value) in (3, 4) else None
    if isinstance(value, int) and -(2**31) <= value < 2**32:
        return f"#{value & 0xFFFFFF:06x}"
    return None


def _from_text(text: str) -> str | None:
    if css := _CSS.fullmatch(text):
        return _from_bytes([int(part) for part in css.groups()[:3]])
    if _SHORT.fullmatch(text):
        return colour_of("#" + "".join(2 * digit for digit in text[1:]))
    return colour_of(text)


def _from_bytes(parts: list[object]) -> str | None:
    whole = [part for part in parts if isinstance(part, int) and 0 <= part <= 255]
    return f"#{bytes(whole).hex()}" if len(whole) == 3 else None
