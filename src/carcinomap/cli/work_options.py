"""Where the slides of a command are worked on: what ``WorkSettings`` ask for, as a backend.

A slide may keep all processors busy (mapping does) or only one (checking does): the command says
how many slides at once make sense by themselves.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from carcinomap.granted import allotted, usable_cores, usable_memory, usable_threads
from carcinomap.storage import AnyPath, is_remote
from carcinomap.work import Backend, WorkSettings

AT_ONCE = 8
"""Slides at once that nobody asked for; more would wait for the same disk."""

FIELD_BYTES = 10_000_000
"""Of the file of a field or of a tissue core: one to a few tiles, too few for all processors."""
FIELDS_EACH = 8
"""Fields that make up for the seconds in which a process starts and loads its model (measured)."""
FIELD_MEMORY = 1.5e9
"""Bytes that a process takes to map a field."""


def slides_at_once(workers: int | None) -> int:
    """Return how many slides to work on at once where each of them takes one thread.

    Args:
        workers: What ``--workers`` says.
    """
    return workers or min(AT_ONCE, max(1, int(usable_cores())))


def fields_at_once(slides: Sequence[AnyPath]) -> int:
    """Return how many slides to map at once by themselves: several where all of them are fields.

    A tile is computed by one thread, so a single field would leave the other processors idle.
    """
    if not all(map(_is_field, slides)):
        return 1
    enough_for = min(len(slides) // FIELDS_EACH, int(usable_memory() / FIELD_MEMORY))
    return max(1, min(slides_at_once(None), enough_for))


def backend_of(
    work: WorkSettings,
    threads: int | None,
    tasks: int,
    *,
    output: AnyPath | None = None,
    uses_gpus: bool = False,
    at_once: int = 1,
    fewest: int = 2,
) -> Backend | None:
    """Return what runs the tasks of a command.

    Args:
        work: What is asked for.
        threads: Threads of each task, where that is known: on a cluster they are reserved for it.
        tasks: How many tasks there are.
        output: Folder where they write, if they do.
        uses_gpus: Tasks compute on a GPU where there is one; each GPU is for the tasks of one
            process, and by themselves there are as many processes.
        at_once: Tasks at once by themselves, without GPUs.
        fewest: With fewer tasks no process is started that nobody asked for: each takes a second of
            a processor to start, and 150 MB.

    Returns:
        The backend; None for the tasks to run in this process.

    Raises:
        CarcinomapError: A cluster is asked for and cannot be used.
    """
    memory = None if work.memory_gb is None else int(work.memory_gb * 1e9)
    if work.cluster is not None:
        from carcinomap.cluster import RayCluster  # noqa: PLC0415 - Ray is heavy, and optional

        return RayCluster(
            work.cluster,
            cpus=threads,
            gpus=None if uses_gpus else 0,  # None: one, where the cluster has any
            memory_bytes=memory,
            retries=work.retries,
            shared=output if isinstance(output, Path) else None,
        )
    if tasks < fewest and work.processes is None and memory is None:
        return None
    from carcinomap.work.processes import OwnProcesses  # noqa: PLC0415 - few commands need it

    gpus = range(_gpu_count() if uses_gpus else 0)
    count = min(work.processes or len(gpus) or at_once, max(1, tasks))
    return OwnProcesses(count, memory, work.retries, [_sees(gpu) for gpu in gpus])


def threads_each(backend: Backend | None, workers: int | None) -> int | None:
    """Return the threads of each task, where a task may use several.

    ``--workers`` are those of each process, and so are ``OMP_NUM_THREADS`` at most; where neither
    says anything, processes share the processors.

    Args:
        backend: What runs the tasks.
        workers: What ``--workers`` says.

    Returns:
        Their number; None lets the work choose.
    """
    from carcinomap.work.processes import OwnProcesses  # noqa: PLC0415 - few commands need it

    if not workers and isinstance(backend, OwnProcesses):
        if backend.count == 1:
            return None
        share = max(1, usable_threads() // backend.count)
        return min(share, allotted() or share)
    return workers or None


def _is_field(path: AnyPath) -> bool:
    return not is_remote(path) and path.is_file() and path.stat().st_size <= FIELD_BYTES


def _gpu_count() -> int:
    from carcinomap.model import gpu_count  # noqa: PLC0415 - checks need no model

    return gpu_count()


def _sees(gpu: int) -> dict[str, str]:
    """Return the environment of a process that sees one of the accelerators that this one sees."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = visible.split(",") if visible else []
    return {"CUDA_VISIBLE_DEVICES": names[gpu].strip() if gpu < len(names) else str(gpu)}
