"""Functions that machines of a cluster run in tests."""

import os
import signal
import threading
import time
from pathlib import Path

from carcinomap.errors import InputError
from carcinomap.progress import progress


def square(number):
    return number * number


def count(tiles):
    with progress("mapping", tiles, "tiles") as advance:
        for _ in range(tiles):
            advance()
    return tiles


def read(path):
    return Path(path).read_text()


def fail():
    raise InputError("slide.svs: no such slide")


def unpicklable():
    return lambda: None


def die(log, times):
    """Die by a signal so many times, as the lines of a file count them."""
    with Path(log).open("a+") as file:
        file.write("begun\n")
        file.seek(0)
        begun = len(file.readlines())
    if begun <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return begun


def allocate(megabytes):
    block = bytearray(b"x") * (megabytes * 1_000_000)
    time.sleep(60)
    return len(block)


def threads():
    return os.environ.get("OMP_NUM_THREADS"), os.environ.get("CUDA_VISIBLE_DEVICES")


def wait_for(file, log):
    """Wait until there is a file; leave a line with the number of the process before."""
    with Path(log).open("a") as lines:
        lines.write(f"{os.getpid()}\n")
    while not Path(file).exists():
        time.sleep(0.05)


def wait_until_interrupted(log):
    """Wait for what never comes, in the way that is hardest to interrupt."""
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        Path(log).write_text("ended properly")
        raise


def begin_and_wait(file):
    """Tell that it has begun, and end when there is a file."""
    with progress("mapping", 2, "tiles"):
        while not Path(file).exists():
            time.sleep(0.05)
