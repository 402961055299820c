"""A worker process, as seen by the process that started it."""

import multiprocessing
import pickle
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from multiprocessing import resource_tracker

from carcinomap.errors import CarcinomapError
from carcinomap.progress import Step
from carcinomap.signals import STOPS, stops_held
from carcinomap.work.serving import sendable
from carcinomap.work.task import Task
from carcinomap.work.worker_main import ENDING_SECONDS, Ended, Ready, work


@dataclass
class Job:
    """A task on its way.

    Attributes:
        index: Which of the tasks.
        task: The work.
        attempts: How often it was begun.
        alone: Whether only a new process will do.
        started: When it was begun last, by ``time.perf_counter``.
    """

    index: int
    task: Task
    attempts: int = 0
    alone: bool = False
    started: float = 0.0


class Worker:
    """A process that does one task at a time, and the job it has.

    Attributes:
        job: What it does; None while it is idle.
        begun: How many jobs it was given.
    """

    def __init__(self, environment: Mapping[str, str], memory_bytes: int | None):
        spawn = multiprocessing.get_context("spawn")
        self.pipe, self._its_end = spawn.Pipe()
        arguments = (self._its_end, dict(environment), memory_bytes)
        self._process = spawn.Process(target=work, args=arguments, name="carcinomap-worker")
        self.job: Job | None = None
        self.begun = 0

    def start(self) -> None:
        """Start the process.

        Signals stay blocked in it until it knows what to do about them.
        """
        resource_tracker.ensure_running()  # or the start does so, and unblocks signals
        with stops_held():
            before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
            try:
                self._process.start()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._its_end.close()

    @property
    def alive(self) -> bool:
        """Say whether the process has not ended yet."""
        return self._process.is_alive()

    @property
    def sentinel(self) -> int:
        """Is readable when the process is dead."""
        return self._process.sentinel

    def give(self, job: Job, pickled: memoryview) -> None:
        """Give a job to the idle process.

        Raises:
            OSError: It is dead.
        """
        self.job = job
        self.begun += 1
        self.pipe.send_bytes(pickled)

    def news(self) -> Iterator[Ready | Step | Ended]:
        """Yield what the process told meanwhile.

        Raises:
            EOFError: It is dead, and this was all.
        """
        alive = self._process.is_alive()  # asked first: it may tell something and die
        while self.pipe.poll():
            try:
                message = self.pipe.recv_bytes()
            except OSError as error:  # in the midst of a message
                raise EOFError from error
            try:
                yield pickle.loads(message)  # noqa: S301 - of our own process
            except Exception as fault:  # it is the result that cannot be read
                reason = f"its result cannot be read by another process ({sendable(fault)})"
                yield Ended(None, CarcinomapError(reason))
        if not alive:
            raise EOFError

    def stop(self) -> None:
        """Ask the process to end: its task, if it has one, sees a KeyboardInterrupt."""
        if self.job is not None and self._process.pid is not None:
            self._process.terminate()
        self.pipe.close()

    def end(self, seconds: float = ENDING_SECONDS) -> int:
        """Wait until the process has ended; kill it where that takes longer.

        Returns:
            Its exit code; that of a signal is negative.
        """
        self.pipe.close()
        if self._process.pid is None:
            return 0
        try:
            self._process.join(seconds)
        finally:  # after a second Ctrl-C as well
            self._process.kill()
            self._process.join()
        code = self._process.exitcode or 0
        self._process.close()
        return code


def how_it_ended(code: int) -> str:
    """Return what became of a process with this exit code, for people."""
    number = -code if code < 0 else code - 128
    if number not in set(signal.Signals):
        return f"its process ended with exit code {code}"
    name = signal.Signals(number).name
    why = ", most likely because the memory ran out" if number == signal.SIGKILL else ""
    return f"its process was killed by signal {number} ({name}){why}"
