"""Tables that people open with a spreadsheet, and that come back from there."""

import csv
from pathlib import Path

LARGEST = 64_000_000  # bytes
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what makes a spreadsheet compute a cell


def inert(text: str) -> str:
    """Return a text that a spreadsheet takes for a text."""
    return f"'{text}" if text.startswith(FORMULA) else text


def plain(text: str) -> str:
    """Return a text as it was before ``inert``."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table; none where it cannot be read."""
    try:
        if path.stat().st_size > LARGEST:
            return []
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error):  # there is none, or it is of someone else's making
        return []
