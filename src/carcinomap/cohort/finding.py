"""What can be said against a cohort, in a form that can be counted, sorted and shown."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from carcinomap.storage import AnyPath

Severity = Literal["error", "warning", "note"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""From the gravest on."""

NAMED = 5


@dataclass(frozen=True)
class Finding:
    """One thing that a user should know of a cohort.

    Attributes:
        severity: An ``error`` makes training unsafe or impossible; a ``warning`` is probably a
            mistake; a ``note`` is as it should be, or harmless.
        kind: What sort of thing, in a word or two; the same for all of its sort.
        message: The whole of it, with the file it speaks of.
        slide: Name of the slide, where it is about one.
        file: The file to look at.
    """

    severity: Severity
    kind: str
    message: str
    slide: str = ""
    file: AnyPath | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "severity": self.severity,
            "kind": self.kind,
            "slide": self.slide or None,
            "file": None if self.file is None else str(self.file),
            "message": self.message,
        }


def in_short(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Return findings as lines for people; of many that share a kind, the first or their names."""
    kinds: dict[str, list[Finding]] = {}
    for one in findings:
        kinds.setdefault(one.kind, []).append(one)
    lines: list[str] = []
    for kind, same in kinds.items():
        slides = [one.slide for one in same if one.slide]
        if len(slides) > 1:
            lines.append(f"{kind}: {listed(slides)}")
        said = [one.message for one in same if len(slides) == 1 or not one.slide]
        lines += said[:NAMED]
        if len(said) > NAMED:
            more = len(said) - NAMED
            lines.append(f"{kind}: {more} more like it; carcinomap check lists them")
    return tuple(lines)


def listed(names: list[str]) -> str:
    """Name up to five slides, and say how many there are."""
    shown = ", ".join(names[:NAMED]) + (" …" if len(names) > NAMED else "")
    return f"{len(names)} slide{'s' if len(names) > 1 else ''} ({shown})"
