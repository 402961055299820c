"""Progress bars with rate and remaining time; silent when nobody looks at a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
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
