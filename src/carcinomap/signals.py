"""Being asked to stop: SIGTERM means the same as Ctrl-C, a KeyboardInterrupt in the main thread."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

STOPS = (signal.SIGINT, signal.SIGTERM)


def interrupt_on_sigterm() -> None:
    """Let SIGTERM raise a KeyboardInterrupt, once: another one changes nothing.

    Who sends it often sends it twice, to a process that is ending already.
    """
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, _: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def stops_held() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the block is done."""
    if threading.current_thread() is not threading.main_thread():  # no signal arrives there
        yield
        return
    held: list[tuple[int, FrameType | None]] = []
    before = {
        number: signal.signal(number, lambda *arrived: held.append(arrived))
        for number in STOPS
        if callable(signal.getsignal(number))  # what is ignored, or ends the process, stays so
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for arrived, frame in held[:1]:
        handler = before[signal.Signals(arrived)]
        if callable(handler):
            handler(arrived, frame)
