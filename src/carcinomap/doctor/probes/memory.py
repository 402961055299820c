"""Memory: of the machine, and what of it this process may use."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from carcinomap.doctor.line import Check, Line, gigabytes, reinstall
from carcinomap.granted import granted, usable_memory

ENOUGH = 4e9  # bytes: a slide's map takes up to 1.5 GB, a small training twice that
SHARED = Path("/dev/shm")  # noqa: S108 - the folder that PyTorch passes batches through
SHARED_ENOUGH = 1e9


def _memory() -> Iterator[Line]:
    import psutil  # noqa: PLC0415 - may be broken

    machine, limit = psutil.virtual_memory(), granted().memory
    said = f"{gigabytes(machine.total)}, {gigabytes(machine.available)} of it free"
    if limit is not None and limit < machine.total:
        said += f"; this process and those of its group may use {gigabytes(limit)}"
    facts = {"total": machine.total, "available": machine.available, "limit": limit}
    if usable_memory() < ENOUGH:
        advice = f"close other programs, or get more: {gigabytes(ENOUGH)} free suit one slide"
        yield Line("memory", "note", said, f"{advice} and small trainings", facts)
    else:
        yield Line("memory", "ok", said, facts=facts)


def _shared() -> Iterator[Line]:
    if not SHARED.is_dir():  # another system than Linux
        return
    free = shutil.disk_usage(SHARED).free
    said = f"{gigabytes(free)} free in {SHARED}"
    if free < SHARED_ENOUGH:
        advice = "docker run --shm-size 2g …, or train with --workers 0"
        yield Line("shared memory", "note", said, advice)
    else:
        yield Line("shared memory", "ok", said)


CHECKS = (
    Check("memory", _memory, reinstall("psutil")),
    Check("shared memory", _shared, "", needed=False),
)
