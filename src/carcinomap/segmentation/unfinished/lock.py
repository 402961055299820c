"""One process at a time makes a result."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from carcinomap.errors import CarcinomapError

LOCK = "lock"
"""Name of the lock's file."""

LEASE_SECONDS = 120.0
"""So long the lock of a machine that is gone may outlive it: file servers give it some time to come
back, NFS 90 seconds."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which is made where there is none, while the block runs.

    The operating system lets go of it however the process ends, so that a lock is never left
    behind; where another machine had it, that may take ``LEASE_SECONDS``, which are waited. The
    file says who holds it.

    Raises:
        CarcinomapError: Another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    lock = FileLock(path, timeout=0)
    with suppress(Timeout):
        lock.acquire()
    try:
        if not lock.is_locked:
            lock.acquire(timeout=_patience(path))
    except Timeout as error:
        raise CarcinomapError(
            f"{folder}: being written by {_holder(path)}; wait for it, or choose another folder"
        ) from error
    try:
        path.write_text(f"process {os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
        yield
    finally:
        lock.release()


def _patience(path: Path) -> float:
    """Return for how long to wait: not at all for a process of this machine, which is alive."""
    holder, _, machine = _holder(path).rpartition(" on ")
    return LEASE_SECONDS if holder and machine != socket.gethostname() else 0.0


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")[:200].strip() or "another process"
    except OSError:
        return "another process"
