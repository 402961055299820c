import os
import signal

import psutil
import pytest
import work_tasks

from carcinomap.errors import CarcinomapError, InputError
from carcinomap.work import LostError, OwnProcesses, Task

MEGABYTE = 1_000_000


@pytest.fixture
def board():
    return work_tasks.Listener()


def of(function, *calls):
    return [Task(f"task {i}", function, arguments) for i, arguments in enumerate(calls)]


def run(tasks, board, **settings):
    outcomes = list(OwnProcesses(**{"count": 1} | settings).run(tasks, board))
    assert board.outcomes == outcomes
    assert workers() == []
    return sorted(outcomes, key=lambda outcome: outcome.index)


def workers():
    """Return the worker processes; Python has one more, which looks after shared memory."""
    children = psutil.Process().children()
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def test_processes_are_used_from_task_to_task(board):
    outcomes = run(of(work_tasks.process_of, *[(i,) for i in range(50)]), board, count=2)
    assert [outcome.index for outcome in outcomes] == list(range(50))
    assert [outcome.name for outcome in outcomes[:2]] == ["task 0", "task 1"]
    processes = {outcome.result for outcome in outcomes}
    assert 1 <= len(processes) <= 2
    assert os.getpid() not in processes
    assert {outcome.attempts for outcome in outcomes} == {1}
    assert all(outcome.seconds > 0 and outcome.host and not outcome.error for outcome in outcomes)


def test_no_more_processes_than_tasks_and_none_for_none(board):
    assert run([], board, count=4) == []
    going = OwnProcesses(8).run(of(work_tasks.variable, ("HOME", 0.3), ("HOME", 0.3)), board)
    next(going)
    assert len(workers()) == 2
    list(going)


def test_tasks_are_taken_as_they_are_needed(board):
    taken = []

    def tasks():
        for i in range(30):
            taken.append(i)
            yield Task(str(i), work_tasks.square, (i,))

    for number, outcome in enumerate(OwnProcesses(2).run(tasks(), board)):
        assert outcome.result == outcome.index**2
        assert len(taken) <= number + 1 + 2 * 2  # those that run, and ended ones not yet told


def test_each_process_has_its_environment(board):
    environments = [{"CUDA_VISIBLE_DEVICES": str(i)} for i in range(2)]
    calls = [("CUDA_VISIBLE_DEVICES", 0.2)] * 4
    outcomes = run(of(work_tasks.variable, *calls), board, count=2, environments=environments)
    by_process = {}
    for outcome in outcomes:
        value, process = outcome.result
        by_process.setdefault(process, set()).add(value)
    assert sorted(map(sorted, by_process.values())) == [["0"], ["1"]]
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_a_replaced_process_has_the_environment_of_its_place(board, tmp_path):
    tasks = [
        Task("dies", work_tasks.die, (signal.SIGKILL, tmp_path / "log")),
        Task("looks", work_tasks.variable, ("PLACE", 0)),
    ]
    dead, looks = run(tasks, board, retries=0, environments=[{"PLACE": "first"}])
    assert isinstance(dead.error, LostError)
    assert looks.result[0] == "first"


def test_a_killed_task_is_begun_again_and_its_neighbours_live(board, tmp_path):
    tasks = of(work_tasks.square, *[(i,) for i in range(6)])
    tasks.insert(2, Task("killed", work_tasks.die, (signal.SIGKILL, tmp_path / "log")))
    outcomes = run(tasks, board, count=2, retries=2)
    lost = outcomes.pop(2)
    assert isinstance(lost.error, LostError)
    for said in ("signal 9", "SIGKILL", "memory", "3 times"):
        assert said in str(lost.error)
    assert lost.attempts == 3
    assert len(set((tmp_path / "log").read_text().split())) == 3  # a new process each time
    assert board.begun.count(2) == 3
    assert [outcome.result for outcome in outcomes] == [i * i for i in range(6)]


def test_a_task_may_succeed_when_it_is_begun_again(board, tmp_path):
    (outcome,) = run(of(work_tasks.die_once, (tmp_path / "log",)), board)
    assert (outcome.result, outcome.error, outcome.attempts) == ("survived", None, 2)


@pytest.mark.parametrize(
    ("function", "argument", "said"),
    [
        (work_tasks.leave, 7, "exit code 7"),
        (work_tasks.leave, 255, "exit code 255"),
        (work_tasks.die, signal.SIGSEGV, "SIGSEGV"),
    ],
)
def test_how_a_process_ended_is_told(board, tmp_path, function, argument, said):
    arguments = (argument,) if function is work_tasks.leave else (argument, tmp_path / "log")
    (outcome,) = run(of(function, arguments), board, retries=0)
    assert isinstance(outcome.error, LostError)
    assert said in str(outcome.error)
    assert "times" not in str(outcome.error)


def test_a_task_that_takes_too_much_memory_fails_alone(board):
    tasks = of(work_tasks.allocate, (1,), (5000,), (1,))
    outcomes = run(tasks, board, memory_bytes=300 * MEGABYTE)
    assert [outcome.result for outcome in outcomes] == [1, None, 1]
    error = outcomes[1].error
    assert isinstance(error, LostError)
    assert str(error) == "took more than 0.3 GB of memory (--memory-gb)"
    assert board.begun.count(1) <= 2  # once more if others were in the process before, no retries


def test_what_other_tasks_left_in_memory_does_not_count(board):
    outcomes = run(
        of(work_tasks.allocate_and_keep, (200,), (200,), (200,)),
        board,
        memory_bytes=500 * MEGABYTE,
        retries=0,
    )
    assert [outcome.error for outcome in outcomes] == [None] * 3
    assert len({outcome.result for outcome in outcomes}) > 1


def test_errors_say_what_went_wrong(board):
    kinds = ("input", "bug", "two", "two-input", "system", "exit")
    outcomes = run(of(work_tasks.fail, *[(kind,) for kind in kinds]), board)
    errors = dict(zip(kinds, (outcome.error for outcome in outcomes), strict=True))
    assert {outcome.attempts for outcome in outcomes} == {1}
    assert type(errors["input"]) is InputError
    assert str(errors["input"]) == "slide.svs: no such slide"
    assert errors["input"].exit_code == 2
    assert type(errors["bug"]) is CarcinomapError
    assert str(errors["bug"]) == "ZeroDivisionError: division by zero"
    assert "work_tasks.py" in errors["bug"].__notes__[0]
    assert type(errors["two"]) is CarcinomapError
    assert str(errors["two"]) == "slide.svs: is odd"
    assert errors["two-input"].exit_code == 2
    assert isinstance(errors["system"], OSError)
    assert (errors["system"].errno, errors["system"].filename) == (28, "/maps/a.tif")
    assert str(errors["exit"]) == "SystemExit: 3"


def test_what_cannot_be_sent_is_an_error_of_its_task(board):
    tasks = [
        Task("function", lambda: None),
        Task("result", work_tasks.unpicklable_result),
        Task("unread", work_tasks.unreadable_result),
        Task("argument", work_tasks.process_of, (work_tasks.BadWhenRead(),)),
        Task("good", work_tasks.square, (3,)),
    ]
    *bad, good = run(tasks, board)
    for outcome in bad:
        assert type(outcome.error) is CarcinomapError
        assert outcome.attempts == 1
    assert "result cannot be sent" in str(bad[1].error)
    assert "result cannot be read" in str(bad[2].error)
    assert good.result == 9
    assert len([*OwnProcesses(2).run((Task("l", lambda: None) for _ in range(9)), board)]) == 9


def test_progress_is_told_now_and_then_and_its_end_always(board):
    outcomes = run(of(work_tasks.count, (2000,), (3, "cells")), board)
    assert [outcome.result for outcome in outcomes] == [2000, 3]
    first = [step for index, step in board.steps if index == 0]
    assert 2 <= len(first) < 500
    assert first[0].description == "counting"
    assert (first[-1].done, first[-1].total, first[-1].unit) == (2000, 2000, "tiles")
    assert [step for index, step in board.steps if index == 1][-1].done == 3


def test_large_arguments_and_results_pass(board):
    block = os.urandom(5 * MEGABYTE)
    (outcome,) = run(of(bytes.upper, (block,)), board)
    assert outcome.result == block.upper()


def test_an_idle_process_that_died_is_replaced(board):
    going = OwnProcesses(1).run(of(work_tasks.process_of, (1,), (2,), (3,)), board)
    first = next(going).result  # the second task is begun by now
    rest = [outcome.result for outcome in going]
    assert rest == [first, first]

    def tasks():
        yield Task("first", work_tasks.process_of)
        (worker,) = workers()  # it waits for the next task
        worker.kill()
        os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)  # all of its threads are gone
        yield Task("second", work_tasks.process_of)

    one, two = run(tasks(), work_tasks.Listener())
    assert one.result != two.result
    assert (two.error, two.attempts) == (None, 1)
