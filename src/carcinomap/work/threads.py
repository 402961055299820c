"""Run tasks in threads of this process, where what they call lets other threads go on meanwhile."""

import platform
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice

from carcinomap.progress import Step, listening
from carcinomap.work.backend import attempt
from carcinomap.work.task import Board, Outcome, Task


@dataclass(frozen=True)
class Threads:
    """Runs tasks in a few threads; which of them makes how much progress is not told.

    Attributes:
        count: Tasks at once.
    """

    count: int

    def run(self, tasks: Iterable[Task], board: Board) -> Iterator[Outcome]:
        """See ``Backend``. A thread cannot be interrupted: those that run are waited for."""
        host = platform.node()
        to_do = enumerate(tasks)
        running: set[Future[Outcome]] = set()
        with listening(_nobody), ThreadPoolExecutor(self.count) as pool:
            while True:
                for index, task in islice(to_do, self.count - len(running)):
                    board.started(index, task.name, host)
                    running.add(pool.submit(attempt, index, task, host))
                if not running:
                    return
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    outcome = future.result()
                    board.ended(outcome)
                    yield outcome


def _nobody(step: Step) -> None:
    """Listen to progress and tell nobody: bars of several threads would overwrite each other."""
