"""Being connected with a Ray cluster, quietly, or having one of this machine for a while."""

import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray._private import services, worker

from carcinomap.errors import CarcinomapError, InputError

CONNECT_SECONDS = 5
"""What the head of a cluster may take to answer at all; Ray itself would try for 80 seconds."""

OBJECT_STORE_BYTES = 100_000_000
"""Shared memory of a cluster on this machine: results are small, so hardly any is needed."""

QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Be connected with a cluster inside the block.

    Args:
        address: See ``RayCluster``; does not matter where this process is connected already.

    Raises:
        InputError: There is no such cluster.
        CarcinomapError: It cannot be used from here, or none can be started.
    """
    with _silent():
        if ray.is_initialized():
            yield
        elif address == "local":
            with (
                _own_folder() as folder,
                _joined(
                    address,
                    include_dashboard=False,
                    object_store_memory=OBJECT_STORE_BYTES,
                    _temp_dir=str(folder),
                ),
            ):
                yield
        else:
            found = _answering(address)
            # Ray takes the user's token by itself only where it is to find the cluster by itself.
            with _joined(address, address=address if address == "auto" else found):
                yield


@contextmanager
def _joined(name: str, **options: Any) -> Iterator[None]:
    """Be connected inside the block; a cluster that was started for it ends with it."""
    try:
        with _own_signals():
            try:
                ray.init(**options, **QUIET)
            except (Exception, SystemExit) as error:  # Ray leaves the process where it waited long
                raise CarcinomapError(
                    f"{name}: this Ray cluster cannot be used ({_first_line(error)})"
                ) from error
        yield
    finally:
        ray.shutdown()


def _answering(address: str) -> str:
    """Return the address of a cluster's head, as host and port, if there is something.

    Raises:
        InputError: There is not.
    """
    try:
        found = services.canonicalize_bootstrap_address(address)
    except (ConnectionError, ValueError, OSError) as error:
        reason = _first_line(error)
    else:
        host, _, port = (found or "").rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
        except (OSError, ValueError) as error:
            reason = f"{found} does not answer: {error}"
        else:
            return str(found)
    raise InputError(
        f"{address}: no Ray cluster there ({reason}); `ray start --head` starts one, "
        "and the address 'local' one of this machine for this call"
    )


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep what SIGTERM does in this process, which Ray changes when it connects."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


@contextmanager
def _silent() -> Iterator[None]:
    """Keep Ray from telling on standard output of workers that died; outcomes tell of them."""
    before = worker.print_to_stdstream
    worker.print_to_stdstream = lambda *_, **__: None
    try:
        yield
    finally:
        worker.print_to_stdstream = before


@contextmanager
def _own_folder() -> Iterator[Path]:
    """Have a folder for the files of a cluster, its logs above all, which go with it.

    Sockets are among them, so its path has to be short, which temporary folders need not be.
    """
    parent = "/tmp" if os.name == "posix" else None  # noqa: S108 - the folder in it is private
    folder = Path(tempfile.mkdtemp(prefix="carcinomap-ray-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
