"""How the work goes, shown while it goes on."""

from collections.abc import Iterator
from contextlib import contextmanager

from carcinomap.progress import Step
from carcinomap.work.task import Board, Outcome


class _Silent:
    def started(self, index: int, name: str, host: str) -> None:
        pass

    def progressed(self, index: int, step: Step) -> None:
        pass

    def ended(self, outcome: Outcome) -> None:
        pass


@contextmanager
def shown(title: str, total: int) -> Iterator[Board]:
    """Show how tasks go while the block runs.

    Args:
        title: What is done.
        total: How many tasks there are.
    """
    yield _Silent()
