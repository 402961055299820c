"""Many pieces of work that do not depend on each other, such as one for each slide.

This room knows nothing of slides. A ``Task`` is a function with its arguments, a ``Backend`` runs
tasks: in this process, one after the other or in a few threads; each in a process of its own; or on
a cluster (the room ``cluster`` has that one). Whatever happens to a task, even the death of its
process, is an ``Outcome`` of that task alone.
"""

from carcinomap.work.backend import Backend, InThisProcess
from carcinomap.work.processes import OwnProcesses
from carcinomap.work.run import run
from carcinomap.work.settings import WorkSettings
from carcinomap.work.shard import Shard
from carcinomap.work.task import Board, LostError, Outcome, Task
from carcinomap.work.threads import Threads

__all__ = [
    "Backend",
    "Board",
    "InThisProcess",
    "LostError",
    "Outcome",
    "OwnProcesses",
    "Shard",
    "Task",
    "Threads",
    "WorkSettings",
    "run",
]
