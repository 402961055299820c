"""Functions that worker processes of the tests run, quick to import; and a board."""

import os
import signal
import time
from pathlib import Path

from carcinomap.errors import CarcinomapError, InputError
from carcinomap.progress import progress


class Listener:
    """A board that keeps what it is told."""

    def __init__(self):
        self.begun, self.steps, self.outcomes = [], [], []

    def started(self, index, name, host):
        self.begun.append(index)

    def progressed(self, index, step):
        self.steps.append((index, step))

    def ended(self, outcome):
        self.outcomes.append(outcome)


def square(number):
    return number * number


def process_of(_=None):
    return os.getpid()


def variable(name, seconds):
    time.sleep(seconds)
    return os.environ.get(name), os.getpid()


def die(signal_number, log):
    """Die by a signal; leave a line for each time."""
    with Path(log).open("a") as file:
        file.write(f"{os.getpid()}\n")
    os.kill(os.getpid(), signal_number)
    time.sleep(60)


def die_once(log):
    if Path(log).exists():
        return "survived"
    return die(signal.SIGKILL, log)


def leave(code):
    os._exit(code)


def allocate(megabytes):
    blocks = []
    for _ in range(megabytes):
        blocks.append(b"x" * 1_000_000)
        time.sleep(0.001)  # as long as a real task would take at least
    return len(blocks)


KEPT = []


def allocate_and_keep(megabytes):
    KEPT.append(bytearray(b"x") * (megabytes * 1_000_000))
    time.sleep(0.5)  # the memory is looked at ten times a second
    return os.getpid()


class NeedsTwoError(CarcinomapError):
    """Cannot be made anew from its message alone, which is what pickling tries."""

    def __init__(self, file, reason):
        super().__init__(f"{file}: {reason}")


class UnreadableInputError(InputError):
    def __init__(self, file, reason):
        super().__init__(f"{file}: {reason}")


def fail(kind):
    raise {
        "input": InputError("slide.svs: no such slide"),
        "bug": ZeroDivisionError("division by zero"),
        "two": NeedsTwoError("slide.svs", "is odd"),
        "two-input": UnreadableInputError("slide.svs", "is unreadable"),
        "system": OSError(28, "No space left on device", "/maps/a.tif"),
        "exit": SystemExit(3),
    }[kind]


def unpicklable_result():
    return lambda: None


class BadWhenRead:
    def __reduce__(self):
        return int, ("no number",)


def unreadable_result():
    return BadWhenRead()


def count(steps, unit="tiles", seconds=0.0):
    with progress("counting", steps, unit) as advance:
        for _ in range(steps):
            time.sleep(seconds)
            advance()
    return steps


def wait_for_interrupt(folder, tells):
    """Say that it runs, work for ever, and say how that ended."""
    Path(folder, f"{os.getpid()}.runs").touch()
    try:
        with progress("waiting", None, "tiles") as advance:
            while True:
                time.sleep(0.05)
                if tells:
                    advance()
    except KeyboardInterrupt:
        time.sleep(0.3)  # a tile to be finished
        Path(folder, f"{os.getpid()}.ended").touch()
        raise


def stubborn(folder):
    """Never end, whatever happens."""
    Path(folder, f"{os.getpid()}.runs").touch()
    while True:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            continue
