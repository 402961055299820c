"""What a task needs of a machine, and how many tasks a cluster can run at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carcinomap.errors import InputError

CPUS = 4
"""Cores that a task gets of machines that have as many or more."""

MEMORY_BYTES = 2_000_000_000
"""Memory that is set aside for a task where nothing is said."""


@dataclass(frozen=True)
class Machine:
    """A node of a cluster.

    Attributes:
        id: What Ray calls it.
        host: What people call it.
        cpus: Cores that it offers.
        gpus: GPUs that it offers.
        memory: Bytes that it offers.
    """

    id: str
    host: str
    cpus: float
    gpus: float
    memory: float

    def __str__(self) -> str:
        return f"{self.host} with {_said(self.cpus, self.gpus, self.memory)}"


@dataclass(frozen=True)
class Needs:
    """What one task needs.

    Attributes:
        cpus: Cores, that is threads to compute with.
        gpus: GPUs; may be a part of one.
        memory: Bytes.
    """

    cpus: int
    gpus: float
    memory: int

    def fit(self, machine: Machine) -> int:
        """Return how many such tasks a machine can run at once."""
        wanted = (self.cpus, self.gpus, self.memory)
        offered = (machine.cpus, machine.gpus, machine.memory)
        # What stands in floating point may miss the whole number by a little.
        return min(
            int(have / want + 1e-6) for have, want in zip(offered, wanted, strict=True) if want
        )


def machines_of(nodes: Sequence[Mapping[str, Any]]) -> list[Machine]:
    """Return the machines that are alive, of what ``ray.nodes()`` says."""
    machines = []
    for node in nodes:
        if node["Alive"]:
            has = node["Resources"]
            offers = (has.get("CPU", 0.0), has.get("GPU", 0.0), has.get("memory", 0.0))
            machines.append(Machine(node["NodeID"], node["NodeManagerHostname"], *offers))
    return machines


def needs_on(
    machines: Sequence[Machine], cpus: int | None, gpus: float | None, memory: int | None
) -> Needs:
    """Return what each task is given on a cluster.

    Args:
        machines: The cluster's.
        cpus: Cores; None for four, or all of the smallest machine where it has fewer.
        gpus: GPUs; None for one where there are any.
        memory: Bytes; None for 2 GB, or all of the largest machine.

    Raises:
        InputError: No machine of the cluster can hold a task.
    """
    if gpus is None:
        gpus = float(any(machine.gpus >= 1 for machine in machines))
    # A machine that offers no cores, as the head of a cluster often does, is not to compute.
    able = [machine for machine in machines if machine.cpus >= 1 and machine.gpus >= gpus]
    if cpus is None:
        cpus = min([CPUS, *(int(machine.cpus) for machine in able)])
    if memory is None:
        memory = int(min(MEMORY_BYTES, max((machine.memory for machine in able), default=0)))
    needs = Needs(cpus, gpus, memory)
    if not any(needs.fit(machine) for machine in able):
        there = "; ".join(str(machine) for machine in machines) or "no machine at all"
        raise InputError(
            f"no machine of the cluster can do a piece of the work: {_said(cpus, gpus, memory)} "
            f"are asked for, and there is {there}"
        )
    return needs


def _said(cpus: float, gpus: float, memory: float) -> str:
    return f"{cpus:g} CPUs, {gpus:g} GPUs and {memory / 1e9:.1f} GB of memory"
