import io
import sys

import pytest
import work_tasks
from rich.console import Console

from carcinomap.errors import InputError
from carcinomap.progress import Step, set_quiet
from carcinomap.work import Outcome, OwnProcesses, Task, run
from carcinomap.work.table import LiveTable, shown


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Table:
    """A live table with a clock that is set, and what it looks like."""

    def __init__(self, total, title="mapping"):
        self.clock = Clock()
        self.board = LiveTable(title, total, self.clock)

    def at(self, seconds):
        self.clock.now = float(seconds)
        return self

    def step(self, index, done, total=100, description="mapping"):
        self.board.progressed(index, Step(description, done, total, "tiles"))

    def lines(self, height=20, width=110):
        console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
        console.print(self.board)
        return console.file.getvalue().splitlines()


def failure(index, reason):
    return Outcome(index, f"s{index}.svs", error=InputError(reason), seconds=1)


def test_headline_and_rows():
    table = Table(10)
    table.board.started(0, "a.svs", "here")
    table.board.started(1, "b.svs", "here")
    table.at(10).step(0, 10)
    table.at(20).step(0, 50)
    headline, first, second = table.lines()
    assert headline.startswith("mapping: 0 done, 0 failed, 2 running, 8 waiting of 10 · 0:00:20")
    assert first.split()[:2] == ["a.svs", "mapping"]
    assert "50/100 4 tiles/s 0:00:12" in first  # 40 tiles in 10 s, so 50 take 12.5 s
    assert second.split() == ["b.svs", "begins"]
    assert "here" not in first


def test_remaining_time_is_that_of_all_the_work():
    table = Table(10)
    assert table.board.remaining() is None
    table.board.started(0, "a.svs", "here")
    table.board.started(1, "b.svs", "here")
    for index in (0, 1):
        table.at(20).step(index, 50)  # half of each in 20 s: 40 s a slide, of which 9 are left
    assert table.board.remaining() == pytest.approx(40 * 9 / 2)
    assert "0:03:00 left" in table.lines()[0]
    table.at(40).board.ended(Outcome(0, "a.svs", seconds=40))
    table.at(40).board.ended(Outcome(1, "b.svs", seconds=40))
    table.board.started(2, "c.svs", "here")
    assert table.board.remaining() == pytest.approx(40 * 8)


def test_tasks_with_nothing_to_do_do_not_promise_a_quick_end():
    table = Table(200)
    for index in range(150):
        table.board.started(index, f"{index}.svs", "here")
        table.board.ended(Outcome(index, f"{index}.svs", seconds=0.001))
    table.board.started(150, "new.svs", "here")
    assert table.board.remaining() is None
    table.at(60).step(150, 50)
    assert table.board.remaining() == pytest.approx(120 * 49.5)


def test_the_latest_failures_stand_there_with_their_reasons():
    table = Table(100)
    for index in range(5):
        table.board.started(index, f"s{index}.svs", "here")
        table.board.ended(failure(index, f"reason {index}"))
    headline, *failures = table.lines()
    assert "5 failed" in headline
    assert failures[:3] == [f"s{i}.svs: reason {i}" for i in (2, 3, 4)]


def test_notes_stay(capsys):
    table = Table(3)
    table.board.noted("one machine\x1b[2J is of no use")
    assert table.lines()[1] == "note: one machine\N{REPLACEMENT CHARACTER}[2J is of no use"
    table.board.close()
    assert len(table.lines()) == 2
    with shown("mapping", 1) as board:
        board.noted("it is so")
    assert capsys.readouterr().err == "note: it is so\n"


def test_height_is_bounded_and_nothing_is_kept_of_ended_tasks():
    table = Table(10_000)
    for index in range(9_000):
        table.board.started(index, f"s{index}.svs", "here")
        table.step(index, 1)
        if index >= 200:  # two hundred run
            table.board.ended(failure(index - 200, "a long reason " * 50))
    lines = table.lines(height=15)
    assert len(lines) == 14
    assert lines[-1].startswith("… and 191 more")
    assert all(len(line) <= 110 for line in lines)
    assert len(table.board._rows) == 200
    assert len(table.board._failures) == 3
    table.board.close()
    assert len(table.lines()) == 1


def test_names_do_nothing_to_a_terminal():
    table = Table(2)
    table.board.started(0, "a[red]\x1b[2J\nb.svs", "here")
    table.board.ended(failure(1, "two\nlines \x1b]0;title\x07"))
    text = "\n".join(table.lines())
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "a[red]�[2J b.svs" in text
    assert len(table.lines()) == 3


def test_hosts_are_named_where_there_are_several_and_pieces_follow_each_other():
    table = Table(2)
    table.board.started(0, "a.svs", "node-1")
    table.board.started(1, "b.svs", "node-2")
    table.at(1).step(0, 0, 10, "reading")
    table.at(2).step(0, 10, 10, "reading")
    table.at(2).step(0, 0, 50, "outlines")
    table.at(2).step(1, 5, None, "searching")
    _, first, second = table.lines()
    assert first.split()[:2] == ["a.svs", "outlines"]
    assert "0/50" in first
    assert "tiles/s" not in first  # of the reading
    assert first.endswith("node-1")
    assert "5/?" in second


def test_a_task_that_is_begun_again_starts_anew():
    table = Table(2)
    table.board.started(0, "a.svs", "here")
    table.at(5).step(0, 50)
    table.at(6).board.started(0, "a.svs", "here")
    assert table.lines()[1].split() == ["a.svs", "begins"]


def test_lines_where_there_is_no_terminal(capsys):
    tasks = [Task(f"{i}.svs", work_tasks.square, (i,)) for i in range(11)]
    tasks.append(Task("bad.svs", work_tasks.fail, ("input",)))
    assert len(list(run(tasks, title="mapping"))) == 12
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 12
    assert lines[0].startswith("mapping  1/12 0.svs done in ")
    assert lines[0].endswith(" s")
    assert lines[-1] == "mapping 12/12 bad.svs failed: slide.svs: no such slide"


@pytest.mark.parametrize(("quiet", "count"), [(True, 5), (False, 1), (False, 0)])
def test_silence(capsys, quiet, count):
    set_quiet(quiet)
    try:
        assert len(list(run([Task("t", work_tasks.count, (3,))] * count))) == count
    finally:
        set_quiet(False)
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_is_left_clean_when_interrupted(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())

    def interrupted():
        with shown("mapping", 3) as board:
            board.started(0, "a.svs", "here")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    text = sys.stderr.getvalue()
    assert "mapping: 0 done" in text
    assert text.index("\x1b[?25l") < text.rindex("\x1b[?25h")  # the cursor is hidden, then shown


def test_many_small_tasks_are_not_slowed(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    tasks = [Task(str(i), work_tasks.square, (i,)) for i in range(3000)]
    assert sum(outcome.result for outcome in run(tasks, OwnProcesses(1))) == sum(
        i * i for i in range(3000)
    )
    drawn = sys.stderr.getvalue().count("waiting of 3000")
    assert 1 <= drawn < 300  # not once a task
    assert "3000 done" in sys.stderr.getvalue()
