"""A run killed at random moments, started again until it ends: same bytes, no half file."""

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engine_memory import SMOOTH
from generated_slides import slide_of
from measured import table

HERE = Path(__file__).parent
TISSUE = 0.6
LOOK_EVERY = 0.001  # seconds


def add_arguments(parser):
    parser.add_argument("slide", type=Path, nargs="?", help="a generated one without it")
    parser.add_argument("model", type=Path, nargs="?", help="a pass-through network without it")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--side", type=int, default=12_288, help="of the generated slide, pixels")
    parser.add_argument("--planes", action="store_true", help="probabilities and uncertainty too")
    parser.add_argument(
        "--at-end",
        type=float,
        default=0.2,
        help="share of the kills that come when the first file gets its final name",
    )


@dataclass
class Found:
    """What is counted.

    Attributes:
        kills: Number of kills by what then stood under final names.
        wrong: What must not be, in words.
        seconds: Of each result, its interrupted runs included.
        identical: Results that equal the uninterrupted one.
    """

    kills: Counter = field(default_factory=Counter)
    wrong: list = field(default_factory=list)
    seconds: list = field(default_factory=list)
    identical: int = 0


def show(options):
    slide = options.slide or slide_of(options.cache, options.side, options.side, TISSUE)
    found, dice = Found(), np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory(dir=options.cache) as folder:
        whole = Path(folder) / "uninterrupted"
        started = time.perf_counter()
        _until_killed(_command(slide, whole, options), None)
        alone = time.perf_counter() - started
        expected = _files(whole)
        while found.kills.total() < options.kills:
            output = Path(folder) / str(len(found.seconds))
            _result(_command(slide, output, options), output, expected, alone, options, dice, found)
    network = options.model.name if options.model else "pass-through network"
    print(f"{slide.name}, {network}; {alone:.1f} s without a kill, seed {options.seed}.\n")
    table(["", ""], _rows(found, alone))
    if found.wrong:
        sys.exit("\n".join(found.wrong))


def _result(command, output, expected, alone, options, dice, found):
    """Run a command until it ends by itself, killing it for as long as there are kills left."""
    started = time.perf_counter()
    while True:
        moment = None
        if found.kills.total() < options.kills:
            at_end = dice.random() < options.at_end and not _named(output)
            moment = "end" if at_end else dice.uniform(0, alone)
        if not _until_killed(command, moment, output):
            break
        standing = _files(output)
        found.kills[_judged(standing, expected, found.wrong)] += 1
    found.seconds.append(time.perf_counter() - started)
    there = _files(output)
    names = sorted({*there, *expected})
    differing = [name for name in names if there.get(name) != expected.get(name)]
    differing += [path.name for path in output.iterdir() if path.suffix == ".partial"]
    if differing:
        found.wrong.append(f"result {len(found.seconds)} differs in {', '.join(differing)}")
    else:
        found.identical += 1


def _judged(standing, expected, wrong):
    """Return what stands under final names after a kill, in words; note what must not be."""
    half = [name for name, content in standing.items() if expected.get(name) != content]
    if half:
        wrong.append(f"half or strange under a final name: {', '.join(half)}")
    record = [name for name in standing if name.endswith(".json") and "/" not in name]
    if record and standing != expected:
        wrong.append(f"{record[0]} vouches for files that are not there")
    if not standing:
        return "nothing"
    return "all files" if standing == expected else "some whole files, no record yet"


def _until_killed(command, moment, output=None):
    """Start a command; return whether it was killed.

    Args:
        command: The command.
        moment: Seconds until it is killed with all that it has started; ``"end"`` for as soon as
            something stands under a final name; None for never.
        output: Its folder.
    """
    with tempfile.TemporaryFile("w+") as errors:
        streams = {"stdout": subprocess.DEVNULL, "stderr": errors}
        process = subprocess.Popen(command, start_new_session=True, **streams)
        started = time.perf_counter()
        try:
            while process.poll() is None:
                if _is_moment(moment, started, output):
                    os.killpg(process.pid, signal.SIGKILL)
                    break
                time.sleep(LOOK_EVERY)
            code = process.wait()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        if code not in (0, -signal.SIGKILL):
            errors.seek(0)
            sys.exit(f"{errors.read()}\n{' '.join(command)}: exit code {code}")
    return code != 0


def _is_moment(moment, started, output):
    if moment is None:
        return False
    if moment == "end":
        return _named(output)
    return time.perf_counter() - started > moment


def _named(folder):
    """Return whether anything stands under a final name."""
    return folder.is_dir() and any(path.suffix != ".partial" for path in folder.iterdir())


def _files(folder):
    """Return the digest of every file under a final name; what is unfinished is in ``.partial``."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.relative_to(folder).parts[0].endswith(".partial")
    }


def _command(slide, output, options):
    planes = ["--probabilities", "--uncertainty"] if options.planes else []
    if options.model:
        command = [sys.executable, "-m", "carcinomap", "segment", slide, "--model", options.model]
    else:
        command = [sys.executable, HERE / "pass_through.py", slide, "--smooth", SMOOTH]
    return [str(part) for part in (*command, "--output", output, *planes)]


def _rows(found, alone):
    mean = sum(found.seconds) / len(found.seconds)
    standing = [
        [f"kills that left {what} under a final name", n] for what, n in found.kills.items()
    ]
    return [
        ["kills", found.kills.total()],
        *standing,
        ["half files, records without their files, results that differ", len(found.wrong)],
        ["results", len(found.seconds)],
        ["of them identical in every byte to the uninterrupted one", found.identical],
        [
            "seconds a result, its kills included; as a multiple",
            f"{mean:.0f}; {mean / alone:.1f} ×",
        ],
    ]
