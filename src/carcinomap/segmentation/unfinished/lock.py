"""One process at a time makes a result."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from carcinomap.errors import CarcinomapError

LOCK = "lock"
"""Name of the lock's file."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which is made where there is none, while the block runs.

    The operating system lets go of it however the process ends, so that a lock is never left
    behind. The file says who holds it.

    Raises:
        CarcinomapError: Another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise CarcinomapError(
            f"{folder}: being written by {_holder(path)}; wait for it, or choose another folder"
        ) from error
    try:
        path.write_text(f"process {os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
        yield
    finally:
        lock.release()


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")[:200].strip() or "another process"
    except OSError:
        return "another process"
