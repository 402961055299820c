"""Tasks in processes of their own on this machine: what kills one task kills no other."""

import atexit
import platform
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from multiprocessing.connection import wait
from multiprocessing.reduction import ForkingPickler
from typing import Any

from carcinomap.errors import CarcinomapError
from carcinomap.progress import Step
from carcinomap.work.serving import TOO_LARGE, sendable, too_large
from carcinomap.work.task import Board, LostError, Outcome, Task
from carcinomap.work.worker import Job, Worker, how_it_ended
from carcinomap.work.worker_main import ENDING_SECONDS, Ended, Ready


class OwnProcesses:
    """Runs tasks in worker processes, each of which does one at a time.

    A process is used from task to task. Where it dies, another one takes its place and its task
    is begun again, unless it died because it took too much memory.
    """

    def __init__(
        self,
        count: int,
        memory_bytes: int | None = None,
        retries: int = 2,
        environments: Sequence[Mapping[str, str]] = (),
    ):
        """Choose what to work with.

        Args:
            count: Processes at once.
            memory_bytes: What one of them may take.
            retries: How often a task whose process died is begun again.
            environments: Environment variables of the processes, in turn.
        """
        self.count = count
        self.memory_bytes = memory_bytes
        self.retries = retries
        self.environments = environments or ({},)

    def __str__(self) -> str:
        limit = "" if self.memory_bytes is None else f" of {self.memory_bytes / 1e9:g} GB each"
        return f"{self.count} processes{limit}, {self.retries} retries"

    def run(self, tasks: Iterable[Task], board: Board) -> Iterator[Outcome]:
        """See ``Backend``.

        Raises:
            CarcinomapError: No process starts.
        """
        crew = _Crew(self, tasks, board)
        atexit.register(crew.end)  # for an iterator that is left in the middle, and kept
        try:
            yield from crew.outcomes()
        finally:
            crew.end()
            atexit.unregister(crew.end)


class _Crew:
    """The processes of one run, and what they are to do."""

    def __init__(self, settings: OwnProcesses, tasks: Iterable[Task], board: Board):
        self._settings = settings
        self._board = board
        self._host = platform.node()
        self._new = (Job(index, task) for index, task in enumerate(tasks))
        self._again: deque[Job] = deque()
        self._workers: list[Worker | None] = [None] * settings.count
        self._works = False  # whether a process has ever started properly

    def outcomes(self) -> Iterator[Outcome]:
        """Yield what becomes of each task."""
        ended: list[Outcome] = []
        while True:
            more = self._hand_out(ended)  # before anybody takes the time to look at outcomes
            yield from ended
            ended.clear()
            if any(worker and worker.job for worker in self._workers):
                self._hear(ended)
            elif not more:
                return

    def _hand_out(self, ended: list[Outcome]) -> bool:
        """Give jobs to all who have none; return whether there may be more."""
        for slot, worker in enumerate(self._workers):
            if worker is None or worker.job is None:
                job = self._again.popleft() if self._again else next(self._new, None)
                if job is None:
                    return False
                self._begin(slot, job, ended)
        return True

    def _begin(self, slot: int, job: Job, ended: list[Outcome]) -> None:
        job.attempts += 1
        job.started = time.perf_counter()
        self._board.started(job.index, job.task.name, self._host)
        try:
            pickled = ForkingPickler.dumps(job.task)
        except Exception as fault:
            reason = f"it cannot be sent to another process ({sendable(fault)})"
            self._end_job(job, ended, error=CarcinomapError(reason))
            return
        worker = self._workers[slot]
        if worker is None or not worker.alive or (job.alone and worker.begun):
            worker = self._replace(slot)
        try:
            worker.give(job, pickled)
        except OSError:  # it has died since it was heard of last
            self._lost(slot, worker, ended)

    def _replace(self, slot: int) -> Worker:
        """Start a process, after the end of the one before."""
        before = self._workers[slot]
        if before is not None:
            before.end()
        environments = self._settings.environments
        environment = environments[slot % len(environments)]
        worker = self._workers[slot] = Worker(environment, self._settings.memory_bytes)
        worker.start()
        return worker

    def _hear(self, ended: list[Outcome]) -> None:
        """Wait until something happens, and see to it."""
        slots: dict[Any, int] = {}
        for slot, worker in enumerate(self._workers):
            if worker is not None and worker.job is not None:
                slots |= {worker.pipe: slot, worker.sentinel: slot}
        for slot in dict.fromkeys(slots[ready] for ready in wait(slots)):
            worker = self._workers[slot]
            if worker is None:
                continue
            try:
                for news in worker.news():
                    self._take(worker, news, ended)
            except EOFError:
                self._lost(slot, worker, ended)

    def _take(self, worker: Worker, news: Ready | Step | Ended, ended: list[Outcome]) -> None:
        job = worker.job
        if isinstance(news, Ready):
            self._works = True
        if job is None:
            return
        if isinstance(news, Ready):
            job.started = time.perf_counter()
        elif isinstance(news, Step):
            self._board.progressed(job.index, news)
        else:
            worker.job = None
            self._end_job(job, ended, news.result, news.error)

    def _lost(self, slot: int, worker: Worker, ended: list[Outcome]) -> None:
        """See to the task of a process that has died."""
        code = worker.end()
        self._workers[slot] = None
        job, limit = worker.job, self._settings.memory_bytes
        if job is None:
            return
        if not self._works:
            raise CarcinomapError(
                f"no process could be started to work in: {how_it_ended(code)} "
                '(a script that uses processes needs `if __name__ == "__main__":`)'
            )
        if code == TOO_LARGE and limit is not None:
            if worker.begun == 1:
                self._end_job(job, ended, error=too_large(limit))
                return
            job.alone = True  # the tasks before may have left it large
        elif job.attempts > self._settings.retries:
            tries = "" if job.attempts == 1 else f"; begun {job.attempts} times"
            self._end_job(job, ended, error=LostError(how_it_ended(code) + tries))
            return
        self._again.append(job)

    def _end_job(
        self, job: Job, ended: list[Outcome], result: Any = None, error: Exception | None = None
    ) -> None:
        seconds = time.perf_counter() - job.started
        outcome = Outcome(
            job.index, job.task.name, result, error, seconds, job.attempts, self._host
        )
        self._board.ended(outcome)
        ended.append(outcome)

    def end(self) -> None:
        """Let all processes end; those that have a task may finish what they must not break."""
        workers = [worker for worker in self._workers if worker is not None]
        self._workers = []
        try:
            for worker in workers:
                worker.stop()
            until = time.monotonic() + ENDING_SECONDS
            while workers:
                workers.pop().end(max(0.0, until - time.monotonic()))
        finally:  # after a second Ctrl-C
            for worker in workers:
                worker.end(0)
