"""What happens around one task on a machine of the cluster."""

import os
import pickle
import platform
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import ray

from carcinomap.cluster.news import WAIT_SECONDS, Note, Try
from carcinomap.cluster.waking import interruptible
from carcinomap.errors import CarcinomapError
from carcinomap.signals import interrupt_on_sigterm
from carcinomap.work.serving import sendable, serve
from carcinomap.work.worker_main import STOPPED

_begun = 0


@dataclass(frozen=True)
class Order:
    """What a machine of the cluster is to know of all tasks of a run.

    Attributes:
        gpus: How many of them a task may use.
        memory_bytes: What a task's process may take; None watches nothing.
        folder: From where relative paths count.
        board: Where to tell how it goes.
    """

    gpus: float
    memory_bytes: int | None
    folder: str
    board: Any


@dataclass(frozen=True)
class Done:
    """What a machine of the cluster sends back.

    Attributes:
        result: What the task's function returned, pickled.
        error: What went wrong instead.
        seconds: From its begin to its end.
        host: Name of the machine.
    """

    result: bytes
    error: Exception | None
    seconds: float
    host: str


def do(pickled: bytes, order: Order, of: Try) -> Done:
    """Do a pickled task and tell the board how it goes."""
    global _begun  # noqa: PLW0603 - a process does one task after the other
    _begun += 1
    host = platform.node()

    def tell(note: Note) -> None:
        with suppress(Exception):  # what nobody hears of does no harm to the task
            order.board.put.remote(of, note)

    def leave(code: int) -> None:
        with suppress(Exception):
            note = Note(too_large=_begun == 1)
            ray.get(order.board.put.remote(of, note), timeout=WAIT_SECONDS)
        os._exit(code)

    tell(Note(host=host, node=ray.get_runtime_context().get_node_id()))
    started = time.perf_counter()
    result = b""
    try:
        _prepare(order)
        task = pickle.loads(pickled)  # noqa: S301 - of the process whose cluster this is
        with _interrupted_by_sigterm(), interruptible():
            found, error = serve(
                task, lambda step: tell(Note(step=step)), order.memory_bytes, leave
            )
        result = _pickled(found)
    except Exception as fault:
        error = sendable(fault)
    return Done(result, error, time.perf_counter() - started, host)


def _prepare(order: Order) -> None:
    with suppress(OSError):  # who names all paths in full need not be in a folder that is shared
        os.chdir(order.folder)
    if not order.gpus:  # Ray hides none of them
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def _pickled(result: Any) -> bytes:
    try:
        return pickle.dumps(result)
    except Exception as fault:
        reason = f"its result cannot be sent to another machine ({sendable(fault)})"
        raise CarcinomapError(reason) from fault


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Let a machine that is taken away end the task as Ctrl-C does; it is begun elsewhere then."""
    before = signal.getsignal(signal.SIGTERM)
    interrupt_on_sigterm()
    try:
        yield
    except KeyboardInterrupt:
        if signal.getsignal(signal.SIGTERM) is signal.SIG_IGN:  # it came, and is not to come twice
            os._exit(STOPPED)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
