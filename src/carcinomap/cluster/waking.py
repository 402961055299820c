"""Ending tasks that wait: what Ray does to cancel one does not reach a thread that is blocked."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

AGAIN_SECONDS = 0.5
"""Time between two attempts to wake the main thread."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Let a task that Ray cancels see its KeyboardInterrupt even while it waits.

    Ray does as if SIGINT had come, which Python sees when the main thread runs next; a lock or a
    socket that it waits for may never let it. Python does tell of the signal through a socket,
    and another signal, a real one that means nothing else here, ends the wait. To be called in the
    main thread.
    """
    heard, told = socket.socketpair()
    told.setblocking(False)
    heard.settimeout(None)
    waiter = threading.Thread(target=_wake, args=(heard, threading.get_ident()), daemon=True)
    handler = signal.signal(signal.SIGWINCH, lambda *_: None)
    signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    waiter.start()
    try:
        yield
    finally:
        # Not what was there: it may be that of a task that was interrupted just here, closed since.
        signal.set_wakeup_fd(-1)
        told.close()
        waiter.join()
        signal.signal(signal.SIGWINCH, handler)
        heard.close()


def _wake(heard: socket.socket, main: int) -> None:
    while True:
        try:
            numbers = heard.recv(64)
        except TimeoutError:  # it came before, and may have been between two waits
            numbers = bytes([signal.SIGINT])
        if not numbers:
            return
        if signal.SIGINT in numbers:
            heard.settimeout(AGAIN_SECONDS)
            signal.pthread_kill(main, signal.SIGWINCH)
