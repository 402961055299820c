"""What a probe looks at, and what it says of that."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from textwrap import shorten
from typing import Any, Literal

State = Literal["ok", "note", "absent", "broken"]
"""``note``: works, but slower or less than it might. ``absent``: optional, and not here.
``broken``: needed, and missing or not working."""

REASON_LETTERS = 240


@dataclass(frozen=True)
class Line:
    """What is known of one thing.

    Attributes:
        name: The thing.
        state: How it is.
        said: What was found, for people.
        advice: What to do about it; empty where nothing is to be done.
        facts: What was found, for programs.
    """

    name: str
    state: State
    said: str
    advice: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One thing to look at.

    Attributes:
        name: The thing.
        look: Looks at it; may raise anything, or end the process.
        remedy: What to do where it does.
        needed: Whether carcinomap cannot do without.
    """

    name: str
    look: Callable[[], Iterable[Line]]
    remedy: str
    needed: bool = True

    def broken(self, reason: str) -> Line:
        """Return what is said where looking failed."""
        return Line(self.name, "broken" if self.needed else "note", reason, self.remedy)


def why(error: BaseException) -> str:
    """Return in a line what went wrong."""
    if isinstance(error, ModuleNotFoundError):
        return f"not installed ({error})"
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return shorten(text, REASON_LETTERS)


def gigabytes(count: float) -> str:
    """Write a number of bytes for people."""
    return f"{count / 1e9:.3g} GB"


def reinstall(*packages: str) -> str:
    """Return the command that puts packages right."""
    return f"pip install --force-reinstall {' '.join(packages)}"
