"""What a container or a batch system grants: limits that counting cores and memory overlooks.

Linux keeps them in files (kernel documentation, "Control Group v2" and "cgroup-v1").
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

THREAD_MEMORY = 1e9  # bytes of a network's activations for a batch; ours need 0.2 to 0.4e9
V1_NO_LIMIT = 2**62  # bytes; the old form has no word for none and writes a number above it


@dataclass(frozen=True)
class Granted:
    """Limits of this process; None where there is none.

    Attributes:
        cores: Processor time, in cores.
        memory: Bytes.
    """

    cores: float | None
    memory: int | None


def granted(root: Path = Path("/")) -> Granted:
    """Read the limits of this process and of all groups around its own.

    Args:
        root: Where the files of Linux begin.
    """
    groups = list(_groups(root))
    cores = [limit for group in groups if (limit := _cores(group)) is not None]
    memory = [limit for group in groups if (limit := _memory(group)) is not None]
    return Granted(min(cores, default=None), min(memory, default=None))


def usable_cores() -> float:
    """Return how many cores this process gets: fewer than there are where it is tied to some."""
    count = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0)
    count = count or float(os.cpu_count() or 1)
    return min(count, granted().cores or count)


def allotted() -> int | None:
    """Return ``OMP_NUM_THREADS``, which clusters set to the cores that they have given, if any."""
    text = os.environ.get("OMP_NUM_THREADS", "")
    return int(text) if text.isdecimal() and int(text) > 0 else None


def allotted_cores() -> int:
    """Return how many cores this process is to use: what it was given, or else all it can get."""
    return allotted() or max(1, int(usable_cores()))


def usable_memory() -> int:
    """Return how many bytes this process may take before others, or a limit, stand in its way."""
    import psutil  # noqa: PLC0415 - `doctor` has to run where it is broken

    free = psutil.virtual_memory().available
    limit = granted().memory
    return free if limit is None else min(free, limit)


def usable_threads() -> int:
    """Return how many threads compute at the same time: on a core each, in a gigabyte each."""
    import psutil  # noqa: PLC0415 - as above

    cores = min(int(usable_cores()), psutil.cpu_count(logical=False) or 1)
    return max(1, min(cores, int(usable_memory() / THREAD_MEMORY)))


def _groups(root: Path) -> Iterator[Path]:
    """Yield the folders of the groups that this process is in."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        mount = root / "sys/fs/cgroup" / controllers
        parts = Path(path.lstrip("/")).parts
        # A container may see its own group as the mount's root, whatever the path says.
        for length in range(len(parts) + 1):
            yield mount.joinpath(*parts[:length])


def _cores(group: Path) -> float | None:
    """Return a group's quota of processor time."""
    quota, _, period = _text(group / "cpu.max").partition(" ")
    if not quota:
        quota, period = (_text(group / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    if not quota.isdecimal() or not period.isdecimal():  # "max", or -1: no quota
        return None
    return int(quota) / int(period)


def _memory(group: Path) -> int | None:
    """Return a group's limit of memory in bytes."""
    for name in ("memory.max", "memory.limit_in_bytes"):
        text = _text(group / name)
        if text.isdecimal() and int(text) < V1_NO_LIMIT:
            return int(text)
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
