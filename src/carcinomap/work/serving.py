"""What happens around one task in a process that is there to work, here or on a cluster.

The task's progress is told, but not at every step; its memory is watched; whatever goes wrong
becomes an error that can be sent to another process.
"""

import os
import pickle
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from carcinomap.errors import CarcinomapError, InputError
from carcinomap.progress import Step, listening
from carcinomap.work.task import LostError, Task

TOO_LARGE = 91
"""Exit code of a process that ended because it took more memory than it was allowed."""

STEP_SECONDS = 0.3
"""Steps of progress are told no faster than this."""

WATCH_SECONDS = 0.1
"""Time between two looks at the memory."""


def serve(
    task: Task,
    tell: Callable[[Step], None],
    memory_bytes: int | None = None,
    leave: Callable[[int], object] = os._exit,
) -> tuple[Any, Exception | None]:
    """Run a task; return its result, or else what went wrong.

    Args:
        task: The work. A KeyboardInterrupt inside it goes through.
        tell: Is told how far the task is, a few times a second, but always of the last step of a
            piece; from the threads that do the work, one at a time, and never after the task.
        memory_bytes: What the process may take, all in all.
        leave: Is called with ``TOO_LARGE``, from a thread of its own, when the process takes more,
            and has to end it; see ``too_large``.
    """
    steps = _Steps(tell)
    with _watched(memory_bytes, leave), listening(steps.tell):
        try:
            result, error = task.function(*task.arguments), None
        except (Exception, SystemExit) as fault:  # whatever it is, it ends this task alone
            result, error = None, sendable(fault)
    steps.end()
    return result, error


def sendable(fault: BaseException) -> Exception:
    """Return an error that says the same and can be sent to another process.

    Errors for people and of the operating system stay what they are. Others are named, since
    nobody sees where they come from; for developers that is in the notes of the new error.
    """
    reason = str(fault)
    if isinstance(fault, CarcinomapError | OSError):
        try:
            copy = pickle.loads(pickle.dumps(fault))  # noqa: S301 - what was pickled just here
            if isinstance(copy, type(fault)) and str(copy) == reason:
                return copy
        except Exception:  # noqa: S110 - of a class that does not stand it: made anew below
            pass
    if not isinstance(fault, CarcinomapError):
        reason = f"{type(fault).__name__}: {reason}" if reason else type(fault).__name__
    error = (InputError if isinstance(fault, InputError) else CarcinomapError)(reason)
    error.add_note("".join(traceback.format_exception(fault)))
    return error


def too_large(memory_bytes: int) -> LostError:
    """Return the error of a task whose process went beyond its memory; it is not tried again."""
    return LostError(f"took more than {memory_bytes / 1e9:g} GB of memory (--memory-gb)")


class _Steps:
    """Passes on some of many steps, from any thread."""

    def __init__(self, tell: Callable[[Step], None]):
        self._tell: Callable[[Step], None] | None = tell
        self._lock = threading.Lock()
        self._piece: tuple[str, float | None, str] | None = None
        self._held: Step | None = None
        self._next = 0.0

    def tell(self, step: Step) -> None:
        """Pass a step on, or hold it back until there is a newer one."""
        piece = (step.description, step.total, step.unit)
        with self._lock:
            if piece != self._piece:
                self._pass_on(self._held)
                self._piece = piece
                self._next = 0.0
            last = step.total is not None and step.done >= step.total
            self._held = step
            if last or time.monotonic() >= self._next:
                self._pass_on(step)

    def end(self) -> None:
        """Pass on what is held back; nothing is told any more, not even by threads left behind."""
        with self._lock:
            self._pass_on(self._held)
            self._tell = None

    def _pass_on(self, step: Step | None) -> None:
        if step is not None and self._tell is not None:
            self._held = None
            self._next = time.monotonic() + STEP_SECONDS
            self._tell(step)


@contextmanager
def _watched(memory_bytes: int | None, leave: Callable[[int], object]) -> Iterator[None]:
    """Leave the process when it takes more memory, resident, than it may inside the block."""
    if memory_bytes is None:
        yield
        return
    process = psutil.Process()
    over = threading.Event()

    def watch() -> None:
        while process.memory_info().rss <= memory_bytes:
            if over.wait(WATCH_SECONDS):
                return
        leave(TOO_LARGE)

    watcher = threading.Thread(target=watch, name="memory", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
