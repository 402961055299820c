"""Run tasks and show how they go."""

from collections.abc import Generator, Sequence

from carcinomap.work.backend import Backend, InThisProcess
from carcinomap.work.table import shown
from carcinomap.work.task import Outcome, Task


def run(
    tasks: Sequence[Task], backend: Backend | None = None, title: str = "slides"
) -> Generator[Outcome, None, None]:
    """Yield what becomes of each task, in the order in which they end; show a live table meanwhile.

    Close it where it is left in the middle: that ends the tasks that run.

    Args:
        tasks: The work.
        backend: What runs it; in this process, one after the other, where None.
        title: What is done to how many of what, such as ``"mapping"``.

    Raises:
        CarcinomapError: There is nothing to run tasks on.
    """
    with shown(title, len(tasks)) as board:
        yield from (backend or InThisProcess()).run(tasks, board)
