"""Tasks on a Ray cluster."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from carcinomap.errors import InputError
from carcinomap.work import Board, Outcome, Task


@dataclass(frozen=True)
class RayCluster:
    """Runs tasks on the machines of a Ray cluster, as many at once as fit there.

    A script that is connected with a cluster already (``ray.init``) works on that one, whatever the
    address, and stays connected.

    Attributes:
        address: ``"auto"`` for the cluster that this machine belongs to, the address of its head
            such as ``"10.0.0.1:6379"``, or ``"local"`` for this machine alone.
        cpus: Cores of each task; None for four, or all of the smallest machine.
        gpus: GPUs of each task, which may be a part of one; None for one where the cluster has any.
            A task with 0 sees none.
        memory_bytes: What a task's process may take: it is set aside, and a task that takes more
            fails. None sets 2 GB aside and watches nothing.
        retries: How often a task whose process or machine died is begun again.
        shared: Folder where tasks write; a machine that has another one, or none, is left out. None
            where they write to no folder.

    Raises:
        InputError: Ray is not installed, or the address is one of Ray Client.
    """

    address: str = "auto"
    cpus: int | None = None
    gpus: float | None = None
    memory_bytes: int | None = None
    retries: int = 2
    shared: Path | None = None

    def __post_init__(self) -> None:
        if find_spec("ray") is None:
            raise InputError("a cluster needs Ray: pip install 'carcinomap[cluster]'")
        if "://" in self.address:
            raise InputError(
                f"{self.address}: not the address of a cluster's head, such as 10.0.0.1:6379; "
                "call carcinomap on a machine of the cluster, with the address 'auto'"
            )

    def run(self, tasks: Iterable[Task], board: Board) -> Iterator[Outcome]:
        """See ``Backend``.

        Raises:
            InputError: There is no such cluster, or no machine of it can hold a task.
            CarcinomapError: The cluster cannot be used, or is lost.
        """
        # Ray takes a second to import, which only those who use it should wait for.
        from carcinomap.cluster.connection import connected  # noqa: PLC0415
        from carcinomap.cluster.dispatch import Dispatch  # noqa: PLC0415
        from carcinomap.cluster.shared import marked  # noqa: PLC0415

        needs = (self.cpus, self.gpus, self.memory_bytes)
        with connected(self.address), marked(self.shared) as mark:
            dispatch = Dispatch(tasks, board, *needs, self.retries, mark)
            try:
                yield from dispatch.outcomes()
            finally:
                dispatch.end()
