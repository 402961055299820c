"""A task on its way through the cluster, and what becomes of it."""

import pickle
import time
from dataclasses import dataclass, field
from typing import Any

from ray import exceptions

from carcinomap.cluster.news import Note, Try
from carcinomap.cluster.node import Done
from carcinomap.errors import CarcinomapError
from carcinomap.work.serving import sendable
from carcinomap.work.task import LostError, Outcome
from carcinomap.work.worker import Job

_WAYS: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.OutOfMemoryError, "its machine ran out of memory, and Ray killed its process"),
    (exceptions.WorkerCrashedError, "its process died"),
    (exceptions.NodeDiedError, "its machine was lost"),
    (exceptions.LocalRayletDiedError, "Ray died on its machine"),
    (exceptions.ObjectLostError, "its machine was lost, and its result with it"),
    (exceptions.OutOfDiskError, "the disk of its machine is full"),
    (exceptions.TaskCancelledError, "somebody cancelled it"),
)


@dataclass
class SentJob(Job):
    """A task on its way to another machine: ``started`` is when it was begun, or at least sent.

    Attributes:
        shunned: Ray's name of the machine where it was lost last; empty where it was not.
        misled: How many attempts were on machines that could not even begin it.
        known: What was told of this attempt.
    """

    shunned: str = ""
    misled: int = 0
    known: Note = field(default_factory=Note)

    @property
    def of(self) -> Try:
        """What the board calls this attempt."""
        return self.index, self.attempts

    def begin(self) -> None:
        """Take note that it is sent, perhaps once more."""
        self.shunned = self.known.node or self.shunned
        self.attempts += 1
        self.known = Note()
        self.started = time.perf_counter()

    def outcome(self, done: Done) -> Outcome:
        """Return what became of it, of what came back."""
        result, error = None, done.error
        if error is None:
            try:
                result = pickle.loads(done.result)  # noqa: S301 - of our own machines
            except Exception as fault:
                error = CarcinomapError(f"its result cannot be read here ({sendable(fault)})")
        return self._ended(result, error, done.seconds, done.host)

    def failure(self, error: Exception) -> Outcome:
        """Return that it failed."""
        seconds = time.perf_counter() - self.started
        return self._ended(None, error, seconds, self.known.host or "")

    def _ended(self, result: Any, error: Exception | None, seconds: float, host: str) -> Outcome:
        return Outcome(self.index, self.task.name, result, error, seconds, self.attempts, host)


def lost(error: Exception, job: SentJob) -> LostError:
    """Return what happened to a job that came to no end, for people."""
    way = next((said for kind, said in _WAYS if isinstance(error, kind)), None)
    if way is None:
        way = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    where = f" (on {job.known.host})" if job.known.host else ""
    tries = "" if job.attempts == 1 else f"; begun {job.attempts} times"
    return LostError(f"{way}{where}{tries}")
