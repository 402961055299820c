"""Processes with their time and memory, and tables, for ``engine.py``."""

import json
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

EVERY_SECONDS = 0.05


@dataclass(frozen=True)
class Run:
    """A process that has ended.

    Attributes:
        seconds: From its start to its end, libraries and all.
        cpu: Seconds of processor time, its children included.
        peak: Most memory that it and its children held at a time, in MB; pages that several
            of them share count once.
        output: What it printed.
    """

    seconds: float
    cpu: float
    peak: float
    output: str


def run(command):
    """Run a command to its end; what it prints to standard error is shown only if it fails."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        before = _children_cpu()
        started = time.perf_counter()
        process = subprocess.Popen([str(part) for part in command], stdout=output, stderr=errors)
        watch = _Watch(process.pid)
        try:
            process.wait()
        finally:
            seconds = time.perf_counter() - started
            peak = watch.stop()
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            text = "".join(errors.readlines()[-30:])
            sys.exit(f"{text}\n{' '.join(map(str, command))}: exit code {process.returncode}")
        return Run(seconds, _children_cpu() - before, peak, output.read())


def answer(command):
    """Run a command whose last line is JSON; return what it says, and the run."""
    done = run(command)
    return json.loads(done.output.splitlines()[-1]), done


class _Watch(threading.Thread):
    """Looks at a tree of processes until it is stopped."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self._pid = pid
        self._peak = 0
        self._ended = threading.Event()
        self.start()

    def run(self):
        while not self._ended.wait(EVERY_SECONDS):
            tree = _tree(self._pid)
            if len(tree) == 1:
                # Not the peak that wait() tells: that one begins with the memory of the parent.
                found = _field(f"/proc/{self._pid}/status", "VmHWM:")
            else:
                found = sum(_field(f"/proc/{pid}/smaps_rollup", "Pss:") for pid in tree)
            self._peak = max(self._peak, found)

    def stop(self):
        self._ended.set()
        self.join()
        return self._peak * 1024 / 1e6


def _tree(root):
    """Return a process and all that it has started, directly or not."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, after = entry.read_text().rpartition(")")
        except OSError:  # it has just ended
            continue
        parents[int(entry.parent.name)] = int(after.split()[1])
    tree = [root]
    for pid in tree:
        tree += [child for child, parent in parents.items() if parent == pid]
    return tree


def _field(file, name):
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)


def _children_cpu():
    import resource  # noqa: PLC0415 - not made for every kind of machine

    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def table(head, rows):
    """Print a table in Markdown."""
    for row in (head, ["---"] * len(head), *rows):
        print("| " + " | ".join(map(str, row)) + " |", flush=True)
    print()


def best_and_median(values, form="{:.2f}"):
    """Return the smallest of some values and their median, as text."""
    return f"{form.format(min(values))} / {form.format(median(values))}"
