"""Limits of the system and variables of the environment that get in the way."""

import locale
import os
import sys
from collections.abc import Iterator

from carcinomap.doctor.line import Check, Line
from carcinomap.granted import usable_cores

FILES = 1024  # open at once: up to 32 slides for each worker, some of many files
THREADS = (
    "OMP_NUM_THREADS",
    "OMP_THREAD_LIMIT",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
SLOWING = {
    "CUDA_LAUNCH_BLOCKING": "each step of a GPU is waited for",
    "OPENSLIDE_DEBUG": "OpenSlide writes what it does",
    "PYTHONDEVMODE": "Python looks at itself",
    "PYTHONMALLOC": "Python does without its own memory allocator",
}


def _open_files() -> Iterator[Line]:
    try:
        import resource  # noqa: PLC0415 - Windows has none, and no such limit
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= FILES:
        yield Line("open files", "ok", "no limit" if soft < 0 else f"up to {soft}")
    elif hard == resource.RLIM_INFINITY or hard >= FILES:
        yield Line("open files", "note", f"only up to {soft}", f"ulimit -n {FILES}")
    else:
        advice = "ask the administrator for more, or work with fewer --workers"
        yield Line("open files", "note", f"only up to {soft}", advice)


def _text() -> Iterator[Line]:
    names, content = sys.getfilesystemencoding(), locale.getencoding()
    content = "utf-8" if sys.flags.utf8_mode else content
    said = f"file names {names}, screen {content}"
    if {names.lower().replace("-", ""), content.lower().replace("-", "")} == {"utf8"}:
        yield Line("text", "ok", said)
    else:
        advice = "set PYTHONUTF8=1, or LC_ALL=C.UTF-8: names of files may need it"
        yield Line("text", "note", said, advice)


def _variables() -> Iterator[Line]:
    cores = usable_cores()
    for name in THREADS:
        value = os.environ.get(name, "")
        if value.isdecimal() and int(value) < int(cores):
            said = f"{value}: training on the CPU uses no more of {cores:g} cores"
            yield Line(name, "note", said, f"unset {name}, unless others compute here too")
    for name, why in SLOWING.items():
        if os.environ.get(name, "0") not in ("", "0"):
            yield Line(name, "note", f"is set: {why}, which is slow", f"unset {name}")


CHECKS = (
    Check("open files", _open_files, "", needed=False),
    Check("text", _text, "", needed=False),
    Check("variables", _variables, "", needed=False),
)
