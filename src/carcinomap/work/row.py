"""One task that runs, as people see it."""

from collections import deque
from collections.abc import Iterator
from datetime import timedelta

from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.text import Text

from carcinomap.progress import Step

SAMPLES = 100
SAMPLE_SECONDS = 0.3  # with the number above: the rate is that of the last half minute
BAR_WIDTH = 20


class Row:
    """What is known of a task that runs.

    Attributes:
        name: The task's.
        host: Where it runs.
        begun: When it was begun.
        step: How far it is; None as long as it has not told.
    """

    def __init__(self, name: str, host: str, begun: float):
        self.name = name
        self.host = host
        self.begun = begun
        self.step: Step | None = None
        self._told = begun
        self._samples: deque[tuple[float, float]] = deque(maxlen=SAMPLES)

    def tell(self, step: Step, now: float) -> None:
        """Note how far the task is; another piece of its work starts anew."""
        if self.step is None or _piece(step) != _piece(self.step) or step.done < self.step.done:
            self._samples.clear()
        if not self._samples or now - self._samples[-1][0] >= SAMPLE_SECONDS:
            self._samples.append((now, step.done))
        self.step, self._told = step, now

    def share(self) -> float:
        """Return how much of the piece of work that runs is done, from 0 to 1."""
        if self.step is None or not self.step.total:
            return 0.0
        return min(1.0, self.step.done / self.step.total)

    def rate(self) -> float | None:
        """Return what is done in a second; None where it is not known yet."""
        if self.step is None or not self._samples:
            return None
        since, done = self._samples[0]
        if self._told <= since or self.step.done <= done:
            return None
        return (self.step.done - done) / (self._told - since)

    def cells(self) -> Iterator[RenderableType]:
        """Yield name, what is done, bar, counts, rate and remaining time."""
        yield Text(self.name)
        if self.step is None:
            yield from (Text("begins"), Text(), Text(), Text(), Text())
            return
        step, rate = self.step, self.rate()
        named = self.name.startswith(step.description)  # after what it is done to
        yield Text("" if named else plain(step.description))
        yield ProgressBar(step.total, step.done, width=BAR_WIDTH, pulse=step.total is None)
        yield Text(f"{step.done:.0f}/{'?' if step.total is None else f'{step.total:.0f}'}")
        yield Text("" if rate is None else f"{rate:.3g} {step.unit}/s")
        left = None if rate is None or step.total is None else (step.total - step.done) / rate
        yield Text("" if left is None else str(timedelta(seconds=round(left))))


def plain(text: str) -> str:
    """Return a text on one line, without characters that do something to a terminal."""
    return "".join(letter if letter.isprintable() else "�" for letter in " ".join(text.split()))


def _piece(step: Step) -> tuple[str, float | None, str]:
    return step.description, step.total, step.unit
