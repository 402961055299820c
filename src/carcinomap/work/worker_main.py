"""The inside of a worker process: one task after the other, until there is nobody to work for."""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

from carcinomap.errors import CarcinomapError
from carcinomap.signals import STOPS, interrupt_on_sigterm
from carcinomap.work.serving import sendable, serve

ENDING_SECONDS = 60
"""What a task may take to end once it was asked to."""

STOPPED = 128 + signal.SIGTERM
"""Exit code of a worker that was asked to stop."""

_KILLED_FIRST = 500  # of 1000: the kernel, out of memory, ends a worker before who waits for it


@dataclass(frozen=True)
class Ended:
    """A worker's last word on a task; before it come the task's steps."""

    result: Any
    error: Exception | None


@dataclass(frozen=True)
class Ready:
    """A worker's first word: it has started."""


def work(pipe: Connection, environment: Mapping[str, str], memory_bytes: int | None) -> None:
    """Do the tasks that come through the pipe; tell through it how they go.

    SIGTERM, or the death of the process that started this one, is a KeyboardInterrupt in the
    task, and the end.

    Args:
        pipe: Pickled tasks come in; ``Ready``, ``Step`` and ``Ended`` go out.
        environment: Environment variables of this worker.
        memory_bytes: See ``serve``.
    """
    os.environ.update(environment)
    try:
        try:
            _prepare()
            pipe.send(Ready())
            while True:
                pipe.send_bytes(_done(pipe.recv_bytes(), pipe, memory_bytes))
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # this is the end already
    except KeyboardInterrupt:
        sys.exit(STOPPED)
    except (EOFError, OSError):  # nobody is at the other end any more
        return


def _prepare() -> None:
    """Take precautions; signals were blocked by who started this process, and come now."""
    with suppress(OSError):  # not Linux, or not allowed
        Path("/proc/self/oom_score_adj").write_text(str(_KILLED_FIRST))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; one has to decide
    interrupt_on_sigterm()
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    wait([parent.sentinel])
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)  # wakes it up, too
    time.sleep(ENDING_SECONDS)
    os._exit(STOPPED)


def _done(pickled: bytes, pipe: Connection, memory_bytes: int | None) -> memoryview:
    """Do a task and return the pickled ``Ended``."""

    def tell(step: object) -> None:
        with suppress(OSError):  # who started this process is dead: a signal is under way
            pipe.send(step)

    try:
        task = pickle.loads(pickled)  # noqa: S301 - of the process that started this one
    except Exception as fault:
        return ForkingPickler.dumps(Ended(None, sendable(fault)))
    ended = Ended(*serve(task, tell, memory_bytes))
    try:
        return ForkingPickler.dumps(ended)
    except Exception as fault:
        reason = f"its result cannot be sent to another process ({sendable(fault)})"
        return ForkingPickler.dumps(Ended(None, CarcinomapError(reason)))
