"""Progress bars with rate and remaining time; silent when nobody looks at a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_quiet = False


@dataclass(frozen=True)
class Step:
    """How far a piece of work is.

    Attributes:
        description: What is going on, in a word or two.
        done: What is done of it.
        total: Of how much; None where it is not known.
        unit: What is counted, such as ``"tiles"``.
    """

    description: str
    done: float
    total: float | None
    unit: str


_listener: Callable[[Step], None] | None = None


class Advance(Protocol):
    """What ``progress`` yields."""

    def __call__(self, amount: float = 1, note: str | None = None) -> None:
        """Tell that ``amount`` more is done and, in a few words, how it goes."""


class _RateColumn(ProgressColumn):
    """Units per second, once there is something to divide."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.3g} {task.fields['unit']}/s")


def set_quiet(quiet: bool) -> None:
    """Switch every later progress bar off (``--quiet``) or on."""
    global _quiet  # noqa: PLW0603 - one switch for the whole process, set by the command line
    _quiet = quiet


def is_quiet() -> bool:
    """Say whether nothing is to be shown."""
    return _quiet


@contextmanager
def listening(listener: Callable[[Step], None]) -> Iterator[None]:
    """Tell ``listener`` of all progress inside the block, of any thread, instead of showing bars.

    What the listener raises goes through to the work that tells of its progress.
    """
    global _listener  # noqa: PLW0603 - work that is several calls deep is not asked who listens
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before


@contextmanager
def progress(description: str, total: float | None, unit: str) -> Iterator[Advance]:
    """Show a bar on standard error while the block runs.

    Args:
        description: What is going on, in a word or two.
        total: Amount of work, or None where it is not known.
        unit: What is counted, such as ``"tiles"``.

    Yields:
        A function to call with the amount done since the last call.
    """
    if _listener is not None:
        yield _telling(_listener, Step(description, 0, total, unit))
        return
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=Console(stderr=True),
        disable=_quiet or not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task(description, total=total, unit=unit, note="")

        def advance(amount: float = 1, note: str | None = None) -> None:
            bar.advance(task, amount)
            if note is not None:
                bar.update(task, note=note)

        yield advance


def log_line(text: str) -> None:
    """Write a line to standard error where a bar would not be seen: into the log of a job."""
    if _listener is None and not _quiet and not sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)


def _telling(listener: Callable[[Step], None], step: Step) -> Advance:
    listener(step)

    def advance(amount: float = 1, note: str | None = None) -> None:
        nonlocal step
        step = replace(step, done=step.done + amount)
        listener(step)

    return advance
