import threading
import time

import pytest
import work_tasks

from carcinomap.progress import progress
from carcinomap.work import Task
from carcinomap.work.serving import TOO_LARGE, serve


def test_result_error_and_interrupt():
    assert serve(Task("t", work_tasks.square, (4,)), print) == (16, None)
    result, error = serve(Task("t", work_tasks.fail, ("bug",)), print)
    assert (result, str(error)) == (None, "ZeroDivisionError: division by zero")

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        serve(Task("t", interrupted), print)


def test_the_last_step_of_each_piece_is_told():
    def pieces():
        for name, total in (("read", 10), ("map", 500), ("search", None)):
            with progress(name, total, "tiles") as advance:
                for _ in range(total or 7):
                    advance()

    steps = []
    serve(Task("t", pieces), steps.append)
    last = {step.description: step.done for step in steps}
    assert last == {"read": 10, "map": 500, "search": 7}
    assert len(steps) < 50


def test_threads_that_are_left_behind_tell_nothing():
    go_on, steps = threading.Event(), []

    def leaves_a_thread():
        def late():
            with progress("late", 3, "tiles") as advance:
                go_on.wait(10)
                advance(3)

        thread = threading.Thread(target=late)
        thread.start()
        return thread

    thread, _ = serve(Task("t", leaves_a_thread), steps.append)
    told = len(steps)
    go_on.set()
    thread.join()
    assert len(steps) == told


def test_memory_is_watched_while_the_task_runs():
    left = threading.Event()
    codes = []

    def leave(code):
        codes.append(code)
        left.set()

    assert serve(Task("t", left.wait, (10,)), print, 1_000_000, leave) == (True, None)
    assert codes == [TOO_LARGE]
    before = threading.active_count()
    assert serve(Task("t", time.sleep, (0,)), print, 10**15, leave) == (None, None)
    assert (len(codes), threading.active_count()) == (1, before)
