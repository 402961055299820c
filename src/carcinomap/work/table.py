"""How the work goes, shown while it goes on: a live table, or lines where there is no terminal."""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from carcinomap.progress import Step, is_quiet
from carcinomap.work.row import Row, plain
from carcinomap.work.task import Board, Outcome

REFRESH_PER_SECOND = 4
FAILURES = NOTES = 3  # shown, of the latest


@contextmanager
def shown(title: str, total: int) -> Iterator[Board]:
    """Show how tasks go while the block runs, on standard error; nothing with ``--quiet``.

    Args:
        title: What is done.
        total: How many tasks there are.
    """
    if is_quiet() or total == 0:
        yield _Silent()
    elif sys.stderr.isatty():
        table = LiveTable(title, total)
        console = Console(stderr=True, markup=False, emoji=False)  # names may look like either
        with Live(
            get_renderable=lambda: table, console=console, refresh_per_second=REFRESH_PER_SECOND
        ):
            try:
                yield table
            finally:
                table.close()
    else:
        yield _Lines(title, total)


class _Silent:
    """Shows nothing."""

    def started(self, index: int, name: str, host: str) -> None:
        pass

    def progressed(self, index: int, step: Step) -> None:
        pass

    def ended(self, outcome: Outcome) -> None:
        pass

    def noted(self, note: str) -> None:
        pass


class _Lines(_Silent):
    """Writes a line for each of several tasks that has ended, for a log."""

    def __init__(self, title: str, total: int):
        self._title = title
        self._total = total
        self._ended = 0

    def ended(self, outcome: Outcome) -> None:
        if self._total == 1:
            return
        self._ended += 1
        counter = f"{self._ended:{len(str(self._total))}d}/{self._total}"
        what = f"done in {_duration(outcome.seconds)}"
        if outcome.error is not None:
            what = f"failed: {plain(str(outcome.error))}"
        self._write(f"{self._title} {counter} {plain(outcome.name)} {what}")

    def noted(self, note: str) -> None:
        self._write(f"note: {plain(note)}")

    def _write(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


class LiveTable:
    """A headline, notes, a row for each task that runs, and the latest failures.

    It is told of tasks in one thread and drawn in another. Nothing is kept of tasks that ended
    but counts, and the few failures.
    """

    def __init__(self, title: str, total: int, clock: Callable[[], float] = time.monotonic):
        """Show ``total`` tasks; ``clock`` tells the time in seconds."""
        self._title = title
        self._total = total
        self._clock = clock
        self._begun = clock()
        self._lock = threading.Lock()
        self._rows: dict[int, Row] = {}
        self._failures: deque[str] = deque(maxlen=FAILURES)
        self._notes: deque[str] = deque(maxlen=NOTES)
        self._done = self._failed = 0
        self._seconds = self._work = 0.0
        self._hosts: set[str] = set()
        self._closed = False

    def started(self, index: int, name: str, host: str) -> None:
        """See ``Board``."""
        with self._lock:
            self._rows[index] = Row(plain(name), host, self._clock())
            self._hosts.add(host)

    def progressed(self, index: int, step: Step) -> None:
        """See ``Board``."""
        with self._lock:
            if index in self._rows:
                self._rows[index].tell(step, self._clock())

    def ended(self, outcome: Outcome) -> None:
        """See ``Board``."""
        with self._lock:
            row = self._rows.pop(outcome.index, None)
            if outcome.error is None:
                self._done += 1
            else:
                self._failed += 1
                self._failures.append(f"{plain(outcome.name)}: {plain(str(outcome.error))}")
            if row is not None and row.step is not None:
                self._seconds += outcome.seconds
                self._work += 1

    def noted(self, note: str) -> None:
        """See ``Board``."""
        with self._lock:
            self._notes.append(f"note: {plain(note)}")

    def close(self) -> None:
        """Leave only the headline and the notes."""
        with self._lock:
            self._closed = True

    def remaining(self) -> float | None:
        """Return how many seconds all the work will take from now; None where it is not known.

        Tasks that ended without a step of progress count as nothing to do, such as slides that
        were mapped before: they say nothing of how long the others take.
        """
        now = self._clock()
        running = self._rows.values()
        work = self._work + sum(row.share() for row in running)
        seconds = self._seconds + sum(now - row.begun for row in running if row.share())
        if not work:
            return None
        left = self._total - self._done - self._failed - sum(row.share() for row in running)
        return left * seconds / work / max(1, len(running))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it as high as the terminal allows."""
        with self._lock:
            parts: list[RenderableType] = []
            if self._total > 1:
                parts.append(self._headline())
            parts += [_line(note, "yellow") for note in self._notes]
            if not self._closed:
                failures = self._failures if self._total > 1 else ()
                parts += [_line(failure, "red") for failure in failures]
                parts += self._running(max(1, console.height - len(parts) - 1))
        yield Group(*parts)

    def _headline(self) -> Text:
        waiting = self._total - self._done - self._failed - len(self._rows)
        left = self.remaining()
        text = Text(f"{self._title}: ", style="bold", no_wrap=True, overflow="ellipsis")
        text.append(f"{self._done} done", "green" if self._done else "")
        text.append(f", {self._failed} failed", "red" if self._failed else "")
        text.append(f", {len(self._rows)} running, {waiting} waiting of {self._total}")
        text.append(f" · {_clock_time(self._clock() - self._begun)}", "")
        if left is not None and not self._closed:
            text.append(f", about {_clock_time(left)} left")
        return text

    def _running(self, height: int) -> Iterator[RenderableType]:
        """Yield the rows of tasks that run, as many as fit."""
        name = Column(no_wrap=True, overflow="ellipsis", max_width=40)
        what, bar = Column(no_wrap=True, style="dim"), Column()
        numbers = [Column(no_wrap=True, justify="right") for _ in range(3)]
        table = Table.grid(name, what, bar, *numbers, padding=(0, 1))
        if len(self._hosts) > 1:
            table.add_column(no_wrap=True, style="dim")
        rows = list(self._rows.values())
        more = len(rows) > height
        for row in rows[: height - more]:
            table.add_row(*row.cells(), *([row.host] if len(self._hosts) > 1 else []))
        yield table
        if more:
            yield _line(f"… and {len(rows) - height + 1} more", "dim")


def _line(text: str, style: str) -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _clock_time(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return _clock_time(seconds)
