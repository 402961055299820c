"""What runs tasks; the simplest one does so here, one after the other."""

import platform
import time
from collections.abc import Iterable, Iterator
from typing import Protocol

from carcinomap.progress import listening
from carcinomap.work.serving import sendable
from carcinomap.work.task import Board, Outcome, Task


class Backend(Protocol):
    """Runs tasks."""

    def run(self, tasks: Iterable[Task], board: Board) -> Iterator[Outcome]:
        """Yield what becomes of each task, in the order in which they end.

        Tasks are taken as they are needed: there may be tens of thousands. A task that raises, or
        whose process dies, does not stop the others. When the iterator is closed, or a
        KeyboardInterrupt comes, tasks that run are ended as Ctrl-C ends them (their functions see
        a KeyboardInterrupt), and no process is left behind.

        Args:
            tasks: The work.
            board: Is told how it goes, from the thread that iterates.

        Raises:
            CarcinomapError: There is nothing to run tasks on, such as no cluster.
        """


class InThisProcess:
    """Runs tasks one after the other, in the thread that asks."""

    def run(self, tasks: Iterable[Task], board: Board) -> Iterator[Outcome]:
        """See ``Backend``."""
        host = platform.node()
        for index, task in enumerate(tasks):
            board.started(index, task.name, host)
            with listening(lambda step, index=index: board.progressed(index, step)):  # type: ignore[misc]
                outcome = attempt(index, task, host)
            board.ended(outcome)
            yield outcome


def attempt(index: int, task: Task, host: str) -> Outcome:
    """Run a task here and now; what it raises becomes its outcome, and the others go on."""
    started = time.perf_counter()
    result, error = None, None
    try:
        result = task.function(*task.arguments)
    except Exception as fault:
        error = sendable(fault)  # it reads as it would from another process
    return Outcome(index, task.name, result, error, time.perf_counter() - started, 1, host)
