"""How tasks on other machines tell where they are and how far: a board that all of them reach."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from carcinomap.progress import Step

WAIT_SECONDS = 5
"""What the board may take to answer where the answer matters."""

Try = tuple[int, int]
"""Index of a task, and which of its attempts this is."""


@dataclass(frozen=True)
class Note:
    """What is known of a task that runs; None where nothing new is.

    Attributes:
        host: The name of the machine where it was begun.
        node: What Ray calls that machine.
        step: How far it is.
        too_large: It took too much memory; whether it was the first task of its process.
    """

    host: str | None = None
    node: str | None = None
    step: Step | None = None
    too_large: bool | None = None

    def updated(self, newer: "Note") -> "Note":
        """Return both in one, the newer where they differ."""
        known = {name: value for name, value in vars(newer).items() if value is not None}
        return Note(**{**vars(self), **known})


class Notes:
    """The board, an actor: keeps the newest of each task until it is asked."""

    def __init__(self) -> None:
        self._notes: dict[Try, Note] = {}

    def put(self, of: Try, note: Note) -> None:
        """Take a note."""
        self._notes[of] = self._notes.get(of, Note()).updated(note)

    def take(self) -> dict[Try, Note]:
        """Return what is new since the last call."""
        notes, self._notes = self._notes, {}
        return notes


class News:
    """The end of the board where it is read.

    Attributes:
        board: A handle for tasks to take with them.
    """

    def __init__(self) -> None:
        # Where the process is that reads it: then they have the same fate.
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        options: dict[str, Any] = {"num_cpus": 0, "max_restarts": -1, "scheduling_strategy": here}
        self.board = ray.remote(Notes).options(**options).remote()
        self._asked: Any = None

    def newest(self) -> dict[Try, Note]:
        """Return what is known to be new, at once; it may be a question late."""
        if self._asked is None:
            self._asked = self.board.take.remote()
        if not ray.wait([self._asked], timeout=0)[0]:
            return {}
        return self._answer()

    def all(self) -> dict[Try, Note]:
        """Return all that is new, for which this waits a few seconds if need be."""
        before = self._answer() if self._asked is not None else {}
        self._asked = self.board.take.remote()
        after = self._answer()
        return before | {of: before.get(of, Note()).updated(note) for of, note in after.items()}

    def _answer(self) -> dict[Try, Note]:
        asked, self._asked = self._asked, None
        try:
            notes: dict[Try, Note] = ray.get(asked, timeout=WAIT_SECONDS)
        except RayError:  # it has died, and begins anew
            return {}
        return notes

    def end(self) -> None:
        """End the board."""
        with suppress(RayError):
            ray.kill(self.board)
