import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import work_tasks

from carcinomap.work import OwnProcesses, Task, processes, run

PROGRAM = """
import signal, sys
import work_tasks
from carcinomap.signals import interrupt_on_sigterm
from carcinomap.work import OwnProcesses, Task, run

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored
    interrupt_on_sigterm()
    tasks = [Task(str(i), work_tasks.wait_for_interrupt, (sys.argv[1], i % 2)) for i in range(9)]
    try:
        for outcome in run(tasks, OwnProcesses(2)):
            print("ended", outcome)
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.fixture
def program(tmp_path):
    """Return a program whose two workers are busy, in a group of processes of its own."""
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    started = subprocess.Popen(
        [sys.executable, file, tmp_path],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    until(lambda: len(list(tmp_path.glob("*.runs"))) == 2 or started.poll() is not None)
    yield started
    started.kill()
    started.communicate()


def until(holds):
    end = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def processes_in(folder, suffix=".runs"):
    return {int(path.stem) for path in folder.glob(f"*{suffix}")}


def running(folder):
    return [number for number in processes_in(folder) if is_running(number)]


def is_running(number):
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def to_all(program, number):
    os.killpg(program.pid, number)


def to_one(program, number):
    os.kill(program.pid, number)


@pytest.mark.parametrize(
    ("number", "send", "times"),
    [
        (signal.SIGINT, to_all, 1),  # Ctrl-C in a terminal
        (signal.SIGTERM, to_one, 1),
        (signal.SIGTERM, to_all, 2),  # a batch system that is in a hurry
    ],
)
def test_tasks_end_cleanly_and_no_process_is_left(program, tmp_path, number, send, times):
    for _ in range(times):
        send(program, number)
        time.sleep(0.05)
    said, _ = program.communicate(timeout=120)
    assert said == "interrupted\n"  # and no traceback of a worker
    assert program.returncode == 0
    assert processes_in(tmp_path, ".ended") == processes_in(tmp_path)
    assert running(tmp_path) == []


def test_workers_end_by_themselves_where_nobody_is_left(program, tmp_path):
    program.kill()
    said, _ = program.communicate(timeout=120)  # waits for all who could say something
    assert said == ""
    until(lambda: running(tmp_path) == [])
    assert processes_in(tmp_path, ".ended") == processes_in(tmp_path)


def test_who_looks_at_no_more_outcomes_stops_the_others(tmp_path):
    tasks = [Task("quick", work_tasks.square, (1,))]
    tasks += [Task("long", work_tasks.wait_for_interrupt, (tmp_path, True)) for _ in range(5)]
    for outcome in run(tasks, OwnProcesses(2)):
        assert outcome.result == 1
        until(lambda: len(processes_in(tmp_path)) == 2)
        break
    assert running(tmp_path) == []
    assert len(processes_in(tmp_path, ".ended")) == len(processes_in(tmp_path)) == 2


def test_what_does_not_end_when_asked_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "ENDING_SECONDS", 0.5)
    tasks = [
        Task("quick", work_tasks.square, (1,)),
        Task("stubborn", work_tasks.stubborn, (tmp_path,)),
    ]
    outcomes = run(tasks, OwnProcesses(2))
    next(outcomes)
    until(lambda: processes_in(tmp_path))
    outcomes.close()
    assert running(tmp_path) == []


def test_an_error_of_who_makes_tasks_is_not_hidden(tmp_path):
    def tasks():
        yield Task("long", work_tasks.wait_for_interrupt, (tmp_path, False))
        until(lambda: processes_in(tmp_path))
        raise ValueError("no more slides")

    with pytest.raises(ValueError, match="no more slides"):
        list(OwnProcesses(2).run(tasks(), work_tasks.Listener()))
    assert running(tmp_path) == []


def test_processes_that_cannot_start_are_told_once(tmp_path):
    file = tmp_path / "script.py"
    file.write_text(PROGRAM.replace('if __name__ == "__main__":', "if True:"))
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    ended = subprocess.run(
        [sys.executable, file, tmp_path],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1
    assert 'needs `if __name__ == "__main__":`' in ended.stderr.rpartition("CarcinomapError")[2]
