"""Sends tasks to the cluster, no more at a time than it can use, and takes what comes back."""

import os
import pickle
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError, TaskCancelledError

from carcinomap.cluster.arrival import arrival
from carcinomap.cluster.job import SentJob, lost
from carcinomap.cluster.machines import Machines
from carcinomap.cluster.news import News, Note, Try
from carcinomap.cluster.node import Done, Order
from carcinomap.errors import CarcinomapError, InputError
from carcinomap.version import __version__
from carcinomap.work.serving import sendable, too_large
from carcinomap.work.task import Board, Outcome, Task
from carcinomap.work.worker_main import ENDING_SECONDS

NEWS_SECONDS = 0.3
"""Time between two questions for news."""


class Dispatch:
    """One run of tasks on the cluster that this process is connected with."""

    def __init__(
        self,
        tasks: Iterable[Task],
        board: Board,
        cpus: int | None,
        gpus: float | None,
        memory_bytes: int | None,
        retries: int,
        mark: str,
    ):
        """See ``RayCluster``; for ``mark`` see ``shared.marked``.

        Raises:
            InputError: No machine of the cluster can hold a task.
        """
        self._machines = Machines(cpus, gpus, memory_bytes)
        self._retries = retries
        self._memory_bytes = memory_bytes
        self._board = board
        self._mark = mark
        self._new = iter(enumerate(tasks))
        self._again: deque[SentJob] = deque()
        self._flying: dict[Any, SentJob] = {}
        self._news = News()
        self._next_news = 0.0
        needs = self._machines.needs
        self._order = pickle.dumps(Order(needs.gpus, memory_bytes, os.getcwd(), self._news.board))
        # Ray is not to begin anything again by itself: it does not count as we do.
        self._do = ray.remote(
            num_cpus=needs.cpus, num_gpus=needs.gpus, memory=needs.memory, max_retries=0
        )(arrival())

    def outcomes(self) -> Iterator[Outcome]:
        """Yield what becomes of each task.

        Raises:
            CarcinomapError: The cluster is lost.
        """
        ended: list[Outcome] = []
        try:
            while True:
                more = self._send(ended)
                yield from ended
                ended.clear()
                if self._flying:
                    self._wait(ended)
                elif not more:
                    return
        except RayError as error:
            raise CarcinomapError(f"the Ray cluster is lost ({error})") from error

    def _send(self, ended: list[Outcome]) -> bool:
        """Send as many jobs as the cluster can use; return whether there may be more."""
        room = self._machines.room()
        if self._machines.lost_all():
            self._board.noted("no machine is left that can do the work; it waits for one to come")
        while len(self._flying) < room:
            job = self._again.popleft() if self._again else self._taken()
            if job is None:
                return False
            job.begin()
            try:
                pickled = pickle.dumps(job.task)
            except Exception as fault:
                reason = f"it cannot be sent to another machine ({sendable(fault)})"
                self._end(job.failure(CarcinomapError(reason)), ended)
            else:
                self._flying[self._sent(job, pickled)] = job
        return True

    def _taken(self) -> SentJob | None:
        index, task = next(self._new, (0, None))
        return None if task is None else SentJob(index, task)

    def _sent(self, job: SentJob, pickled: bytes) -> Any:
        name = job.task.name.encode(errors="replace").decode()  # that of a file need not be UTF-8
        options = {"name": name, **self._machines.options(job)}
        if job.alone:  # processes are not shared by tasks whose environments differ
            options["runtime_env"] = {"env_vars": {"CARCINOMAP_TASK": str(job.index)}}
        files = [os.path.abspath(file) for file in job.task.files]
        sent = (__version__, self._mark, files, pickled, self._order, job.of)
        return self._do.options(**options).remote(*sent)

    def _wait(self, ended: list[Outcome]) -> None:
        """Wait a moment for jobs to end, and see to those that have."""
        flying = list(self._flying)
        done, _ = ray.wait(flying, timeout=NEWS_SECONDS)
        if done:  # and all the others that are
            done, _ = ray.wait(flying, num_returns=len(flying), timeout=0)
        if time.monotonic() >= self._next_news:
            self._next_news = time.monotonic() + NEWS_SECONDS
            self._hear(self._news.newest())
        for reference in done:
            self._back(reference, ended)

    def _back(self, reference: Any, ended: list[Outcome]) -> None:
        """See to a job that has come back, or never will."""
        job = self._flying[reference]
        try:
            found = ray.get(reference)
        except RayError as error:
            self._hear(self._news.all())  # how it was lost may be among them
            failure = self._failure(error, job)
            if failure is None:
                self._again.append(job)
            else:
                self._end(job.failure(failure), ended)
        else:
            if isinstance(found, Done):
                self._begun(job, found.host)
                self._end(job.outcome(found), ended)
            else:
                machine, why = found
                self._misled(job, machine, why, ended)
        del self._flying[reference]

    def _misled(self, job: SentJob, machine: str, why: str, ended: list[Outcome]) -> None:
        """See to a job that was sent to a machine which can do nothing for this run."""
        job.misled += 1
        gone = next((file for file in job.task.files if not file.exists()), None)
        if gone is not None:  # for everybody: no fault of that machine
            self._end(job.failure(InputError(f"{gone}: is not there any more")), ended)
            return
        self._again.append(job)
        if self._machines.leave_out(machine, why):
            self._board.noted(f"{why}; the other machines do the work")

    def _failure(self, error: RayError, job: SentJob) -> CarcinomapError | None:
        """Return what is wrong with a job for good; None where it is to be begun again."""
        if isinstance(error, RayTaskError) and not isinstance(error, TaskCancelledError):
            reason = str(error.cause).partition("\n")[0]
            return CarcinomapError(f"it could not be begun on its machine ({reason})")
        if job.known.too_large is not None and self._memory_bytes is not None:
            if job.known.too_large:
                return too_large(self._memory_bytes)
            job.alone = True  # tasks before it may have left its process large
            return None
        return lost(error, job) if job.attempts - job.misled > self._retries else None

    def _hear(self, notes: Mapping[Try, Note]) -> None:
        """Tell the board what is new."""
        flying = {job.of: job for job in self._flying.values()}
        for of, note in notes.items():
            if job := flying.get(of):
                if note.host is not None:
                    job.started = time.perf_counter()
                    self._begun(job, note.host)
                job.known = job.known.updated(note)
                if note.step is not None:
                    self._board.progressed(job.index, note.step)

    def _begun(self, job: SentJob, host: str) -> None:
        """Tell the board that a job was begun, unless it knows."""
        if job.known.host is None:
            self._board.started(job.index, job.task.name, host)

    def _end(self, outcome: Outcome, ended: list[Outcome]) -> None:
        self._board.ended(outcome)
        ended.append(outcome)

    def end(self) -> None:
        """Let tasks that run end as Ctrl-C ends them; those that take too long are killed."""
        flying, self._flying = list(self._flying), {}
        try:
            for reference in flying:
                ray.cancel(reference, force=False)
            if flying:
                _, flying = ray.wait(flying, num_returns=len(flying), timeout=ENDING_SECONDS)
        finally:  # after a second Ctrl-C as well
            for reference in flying:
                ray.cancel(reference, force=True)
            self._news.end()
