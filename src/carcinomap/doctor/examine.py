"""Looks at everything, each probe in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any

from carcinomap.doctor.line import REASON_LETTERS, Check, Line
from carcinomap.progress import progress
from carcinomap.version import __version__

SECTIONS: Mapping[str, Sequence[str]] = {
    "installation": ("installation", "packages"),
    "slides and outlines": ("libraries", "slides"),
    "computing": ("processor", "openvino", "pytorch"),
    "networks and training": ("networks",),
    "memory and disk": ("memory", "disk"),
    "optional": ("extras",),
    "limits and variables": ("limits",),
}
"""The probes of each section."""

SECONDS = 120.0  # for all of it: a slow network drive and a busy machine take their time
GRACE_SECONDS = 2.0  # for a process to go that was killed; in the hands of a driver it may not
INSTALL_AGAIN = "in carcinomap's folder: pip install --force-reinstall ."


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes:
        sections: The lines of each section.
    """

    sections: Mapping[str, tuple[Line, ...]]

    def of(self, state: str) -> list[Line]:
        """Return the lines that are in a state."""
        return [line for lines in self.sections.values() for line in lines if line.state == state]

    @property
    def healthy(self) -> bool:
        """Whether everything that is needed is there and works."""
        return not self.of("broken")

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON."""
        return {
            "version": __version__,
            "healthy": self.healthy,
            "sections": {
                title: [asdict(line) for line in lines] for title, lines in self.sections.items()
            },
        }


def examine(sections: Mapping[str, Sequence[str]] = SECTIONS, seconds: float = SECONDS) -> Report:
    """Look at what this machine has.

    Args:
        sections: Names of probes by section.
        seconds: How long it may take; what has not been said by then is broken.
    """
    deadline = time.monotonic() + seconds
    total = sum(len(probes) for probes in sections.values())
    with ExitStack() as stack, progress("looking", total, "probes") as advance:
        children = {
            title: [(probe, stack.enter_context(_child(probe))) for probe in probes]
            for title, probes in sections.items()
        }
        found = {}
        for title, started in children.items():
            lines: list[Line] = []
            for probe, process in started:
                lines += _lines(probe, process, deadline)
                advance()
            found[title] = tuple(lines)
    return Report(found)


@contextmanager
def _child(probe: str, first: int = 0) -> Iterator[subprocess.Popen[str]]:
    """Run a probe beside this process, from a check on, and never longer than the block."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(  # noqa: S603 - this very package
        [sys.executable, "-P", "-m", "carcinomap.doctor.child", probe, str(first)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
    try:
        yield process
    finally:
        process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=GRACE_SECONDS)


def _lines(
    probe: str, process: subprocess.Popen[str], deadline: float, first: int = 0
) -> Iterator[Line]:
    """Return what a probe says; where its process ends early, another one goes on behind that."""
    told, end = _heard(process, deadline)
    check, looked_at, finished = Check(f"probe {probe}", tuple, INSTALL_AGAIN), 0, False
    for text in told.splitlines():
        record = json.loads(text)
        if "line" in record:
            yield Line(**record["line"])
        elif "check" in record:
            check, looked_at = Check(look=tuple, **record["check"]), looked_at + 1
        else:
            finished = True
    if finished:
        return
    yield check.broken(end)
    if looked_at and time.monotonic() < deadline:
        first += looked_at
        with _child(probe, first) as another:
            yield from _lines(probe, another, deadline, first)


def _heard(process: subprocess.Popen[str], deadline: float) -> tuple[str, str]:
    """Return what a process wrote by the time, and how it ended."""
    try:
        told, errors = process.communicate(timeout=max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired as late:
        # In bytes, whatever the process was opened with, and up to the middle of a line.
        whole = (late.output or b"").decode().rpartition("\n")[0]
        return whole, "took too long; it hangs, or the machine is very busy"
    code, last = process.returncode, errors.strip().rpartition("\n")[2][-REASON_LETTERS:]
    how = f"with {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
    return told, f"its process was ended {how}{': ' if last else ''}{last}"
