"""A piece of work, what became of it, and who wants to know."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from carcinomap.errors import CarcinomapError
from carcinomap.progress import Step


class LostError(CarcinomapError):
    """The process that did a piece of work died, and so it did each time it was tried."""


@dataclass(frozen=True)
class Task:
    """A piece of work.

    Attributes:
        name: What people call it, such as the name of a slide.
        function: Does it. For work in other processes it and its arguments must be picklable, so
            a function of a module, and its result too.
        arguments: What the function is called with.
        files: Files that it opens; a machine of a cluster where one is missing does no work at all.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes:
        index: Which of the tasks, from 0.
        name: The task's.
        result: What its function returned; None where it failed.
        error: What went wrong, if it did: what the function raised, or a ``LostError``.
        seconds: From the beginning of the last try to its end.
        attempts: How often it was begun.
        host: Name of the machine.
    """

    index: int
    name: str
    result: Any = None
    error: Exception | None = None
    seconds: float = 0.0
    attempts: int = 1
    host: str = ""


class Board(Protocol):
    """Is told how the work goes."""

    def started(self, index: int, name: str, host: str) -> None:
        """A task was begun, perhaps once more."""

    def progressed(self, index: int, step: Step) -> None:
        """A task is so far."""

    def ended(self, outcome: Outcome) -> None:
        """Nothing more will happen to a task."""

    def noted(self, note: str) -> None:
        """Something is to be known of the work as a whole."""
