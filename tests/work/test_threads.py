import threading

import pytest

from carcinomap.progress import progress
from carcinomap.work import InThisProcess, Task, Threads, run


class Board:
    """Writes down what it is told."""

    def __init__(self):
        self.told = []

    def started(self, index, name, host):
        self.told.append(("started", index, name))

    def progressed(self, index, step):
        self.told.append(("progressed", index, step))

    def ended(self, outcome):
        self.told.append(("ended", outcome.index, outcome.name))


def divide(number):
    with progress("dividing", 1, "numbers") as advance:
        advance()
    return 12 // number


def test_every_task_has_the_outcome_it_has_one_after_the_other():
    tasks = [Task(f"by {number}", divide, (number,)) for number in (1, 2, 0, 3, 4)]
    board = Board()
    outcomes = sorted(Threads(2).run(iter(tasks), board), key=lambda one: one.index)
    assert [one.result for one in outcomes] == [12, 6, None, 4, 3]
    expected = sorted(run(tasks, InThisProcess()), key=lambda one: one.index)
    for one, other in zip(outcomes, expected, strict=True):
        assert (one.name, one.result, repr(one.error), one.attempts, one.host) == (
            *(other.name, other.result, repr(other.error), other.attempts, other.host),
        )
    for what in ("started", "ended"):
        told = sorted((index, name) for kind, index, name in board.told if kind == what)
        assert told == [(index, task.name) for index, task in enumerate(tasks)]


def test_as_many_at_once_as_there_are_threads_and_no_more_taken():
    together, taken = threading.Barrier(3, timeout=30), []

    def tasks():
        for number in range(9):
            taken.append(number)
            yield Task(str(number), together.wait)

    outcomes = Threads(3).run(tasks(), Board())
    first = next(outcomes)
    assert first.error is None  # three were there at once
    assert len(taken) == 3
    assert [one.error for one in outcomes] == [None] * 8


def test_closing_waits_for_what_runs_and_begins_nothing_more():
    begun, ended = [], []

    def work(number):
        begun.append(number)
        ended.append(number)

    outcomes = Threads(2).run([Task(str(n), work, (n,)) for n in range(20)], Board())
    next(outcomes)
    outcomes.close()
    assert sorted(begun) == sorted(ended)
    assert len(begun) == 2


def test_ctrl_c_in_a_thread_is_not_swallowed():
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(Threads(2).run([Task("stop", stop)], Board()))
