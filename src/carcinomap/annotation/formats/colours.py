"""Colours of regions, as annotation files have them."""

import re
from zlib import crc32

from carcinomap.annotation.scheme import normalised

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_SERIES = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999")


def colour_of(text: str) -> str | None:
    """Return a colour as ``#rrggbb`` in small letters, None where a text is none."""
    text = text.strip()
    return text.lower() if _COLOUR.fullmatch(text) else None


def colour_or_default(colour: str | None, label: str) -> str:
    """Return a colour, where there is none always the same one for the same label."""
    return colour_of(colour or "") or _SERIES[crc32(normalised(label).encode()) % len(_SERIES)]
