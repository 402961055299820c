"""The machines of the cluster: how much fits there, and on which of them a job may be begun."""

import time
from typing import Any

import ray
from ray.util.scheduling_strategies import (
    NodeAffinitySchedulingStrategy,
    NodeLabelSchedulingStrategy,
    NotIn,
)

from carcinomap.cluster.job import SentJob
from carcinomap.cluster.needs import Machine, machines_of, needs_on
from carcinomap.errors import CarcinomapError

LOOK_SECONDS = 5
"""Time between two looks at the machines: some may have come, or gone."""

WAITING = 2
"""At least so many tasks wait at the cluster for others to end. As many as run do so where that is
more: who starts machines on demand sees then that there is work."""

ID_LABELS = ("ray.io/node-id", "ray.io/node_id")
"""The label of a machine that holds Ray's own name of it, in newer and in older versions."""


class Machines:
    """Those that a run can use.

    Attributes:
        needs: What each task is given.
    """

    def __init__(self, cpus: int | None, gpus: float | None, memory_bytes: int | None) -> None:
        """See ``RayCluster``.

        Raises:
            InputError: No machine of the cluster can hold a task.
        """
        self._unfit: dict[str, str] = {}
        self._none_left = False
        self._seen = machines_of(ray.nodes())
        self._next_look = time.monotonic() + LOOK_SECONDS
        self.needs = needs_on(self._seen, cpus, gpus, memory_bytes)

    def room(self) -> int:
        """Return how many tasks the cluster should have at a time."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + LOOK_SECONDS
            self._seen = machines_of(ray.nodes())
        at_once = sum(self.needs.fit(machine) for machine in self._able())
        return at_once + max(WAITING, at_once)

    def lost_all(self) -> bool:
        """Say whether no machine can hold a task any more, once each time that it comes to that."""
        before, self._none_left = self._none_left, not self._able()
        return self._none_left and not before

    def leave_out(self, machine: str, why: str) -> bool:
        """Begin nothing any more on a machine; return whether that is new.

        Raises:
            CarcinomapError: None is left that could hold a task.
        """
        new = machine not in self._unfit
        self._unfit[machine] = why
        if not self._able():
            reasons = "; ".join(self._unfit.values())
            raise CarcinomapError(f"no machine of the cluster can do this work: {reasons}")
        return new

    def options(self, job: SentJob) -> dict[str, Any]:
        """Return what Ray has to know of where to begin a job."""
        able = [machine.id for machine in self._able()]
        others = [machine for machine in able if machine != job.shunned]
        if job.shunned in able and others:
            chosen = others[job.index % len(others)]
            return {"scheduling_strategy": NodeAffinitySchedulingStrategy(chosen, soft=True)}
        if self._unfit:
            # A label that a machine has not is in no list.
            fit = dict.fromkeys(ID_LABELS, NotIn(*self._unfit))
            return {"scheduling_strategy": NodeLabelSchedulingStrategy(fit)}
        return {}

    def _able(self) -> list[Machine]:
        """Return the machines that can hold a task, as far as is known."""
        return [
            machine
            for machine in self._seen
            if self.needs.fit(machine) and machine.id not in self._unfit
        ]
