"""Tasks on Ray: one cluster for all tests here, since each takes seconds to start."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from carcinomap.cluster import RayCluster
from carcinomap.errors import CarcinomapError, InputError
from carcinomap.work import LostError, Task

if find_spec("ray") is None:
    pytest.skip("Ray is not installed", allow_module_level=True)

import cluster_tasks
import ray
from ray.cluster_utils import Cluster

HERE = Path(__file__).parent
MARK = "CARCINOMAP_TEST_MARK"


class Log:
    """A board that keeps what it is told."""

    def __init__(self):
        self.begun, self.steps, self.ended_ones, self.notes = [], [], [], []

    def started(self, index, name, host):
        self.begun.append((index, name, host))

    def progressed(self, index, step):
        self.steps.append((index, step))

    def ended(self, outcome):
        self.ended_ones.append(outcome.index)

    def noted(self, note):
        self.notes.append(note)


@pytest.fixture(scope="module")
def cluster():
    """Return a cluster of one machine with two cores, with which this process is connected."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(dir="/tmp") as folder:
        for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "RAY_ADDRESS"):
            patch.delenv(name, raising=False)
        patch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)
        patch.setenv("RAY_TMPDIR", folder)  # with that of others, one would find their cluster
        made = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False}
        )
        try:
            ray.init(made.address, log_to_driver=False)
            yield made
        finally:
            ray.shutdown()
            made.shutdown()


def done(tasks, board=None, **options):
    """Return outcomes in the order of their tasks."""
    backend = RayCluster("auto", **{"cpus": 1, "memory_bytes": None, **options})
    return sorted(backend.run(tasks, board or Log()), key=lambda outcome: outcome.index)


def test_results_and_progress(cluster):
    board = Log()
    tasks = [Task(f"slide-{number}", cluster_tasks.square, (number,)) for number in range(20)]
    tasks.append(Task("a name\udcff that is no UTF-8", cluster_tasks.count, (30,)))
    outcomes = done(tasks, board)
    assert [outcome.result for outcome in outcomes] == [n * n for n in range(20)] + [30]
    assert {(outcome.attempts, outcome.error) for outcome in outcomes} == {(1, None)}
    assert sorted(index for index, *_ in board.begun) == list(range(21))
    assert {host for *_, host in board.begun} == {outcomes[0].host}
    assert sorted(board.ended_ones) == list(range(21))


def test_progress_is_told_while_a_task_runs(cluster, tmp_path):
    class Patient(Log):
        def progressed(self, index, step):
            super().progressed(index, step)
            (tmp_path / "go").touch()

    board = Patient()
    (outcome,) = done([Task("slide", cluster_tasks.begin_and_wait, (tmp_path / "go",))], board)
    assert outcome.error is None
    assert board.begun
    assert board.steps[0][1].unit == "tiles"


def test_tasks_are_taken_as_they_are_needed(cluster):
    taken = []

    def endless():
        for number in range(1_000_000):
            taken.append(number)
            yield Task(str(number), cluster_tasks.square, (number,))

    outcomes = RayCluster(cpus=1).run(endless(), Log())
    next(outcomes)
    outcomes.close()
    assert len(taken) < 20


def test_relative_paths_count_from_where_the_run_was_called(cluster, tmp_path, monkeypatch):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "note.txt").write_text(folder)
        monkeypatch.chdir(tmp_path / folder)
        (outcome,) = done([Task("note", cluster_tasks.read, ("note.txt",))])
        assert (outcome.result, outcome.error) == (folder, None)


def test_what_goes_wrong_in_a_task_is_its_own(cluster):
    tasks = [
        Task("missing", cluster_tasks.fail),
        Task("odd", cluster_tasks.unpicklable),
        Task("here", lambda: None),
        Task("fine", cluster_tasks.square, (3,)),
    ]
    missing, odd, here, fine = done(tasks)
    assert isinstance(missing.error, InputError)
    assert str(missing.error) == "slide.svs: no such slide"
    assert missing.attempts == 1
    assert "result cannot be sent" in str(odd.error)
    assert "it cannot be sent" in str(here.error)
    assert fine.result == 9


def test_a_task_whose_process_dies_is_begun_again(cluster, tmp_path):
    tasks = [
        Task("once", cluster_tasks.die, (tmp_path / "once", 1)),
        Task("always", cluster_tasks.die, (tmp_path / "always", 99)),
    ]
    once, always = done(tasks, retries=1)
    assert (once.result, once.attempts) == (2, 2)
    assert isinstance(always.error, LostError)
    assert str(always.error).startswith("its process died")
    assert always.attempts == 2
    assert len((tmp_path / "always").read_text().split()) == 2


def test_a_task_that_takes_too_much_memory_fails_alone(cluster):
    tasks = [
        Task("large", cluster_tasks.allocate, (900,)),
        Task("small", cluster_tasks.square, (2,)),
    ]
    large, small = done(tasks, memory_bytes=700_000_000)
    assert isinstance(large.error, LostError)
    assert "took more than 0.7 GB" in str(large.error)
    assert small.result == 4


def test_threads_and_gpus_are_those_set_aside(cluster):
    two, one = (done([Task("slide", cluster_tasks.threads)], cpus=cpus)[0] for cpus in (2, 1))
    assert (two.result, one.result) == (("2", ""), ("1", ""))


def test_a_machine_that_dies_under_its_tasks(cluster, tmp_path):
    other = cluster.add_node(num_cpus=2)
    go, log = tmp_path / "go", tmp_path / "log"

    class Killing(Log):
        def started(self, *arguments):
            super().started(*arguments)
            if len(self.begun) == 4:  # all cores of both
                cluster.remove_node(other, allow_graceful=False)
                while len([number for number in log.read_text().split() if dead(number)]) < 2:
                    time.sleep(0.05)  # they take a moment to see that Ray is dead
                go.touch()

    tasks = [Task(str(number), cluster_tasks.wait_for, (go, log)) for number in range(8)]
    outcomes = done(tasks, Killing())
    assert [outcome.error for outcome in outcomes] == [None] * 8
    assert sorted(outcome.attempts for outcome in outcomes) == [1] * 6 + [2] * 2
    assert len(log.read_text().split()) == 10


def test_work_that_no_machine_is_left_for_waits_until_one_comes(cluster, tmp_path):
    only, go = cluster.add_node(num_cpus=3), tmp_path / "go"

    class Losing(Log):
        def started(self, *arguments):
            super().started(*arguments)
            if len(self.begun) == 1:
                cluster.remove_node(only, allow_graceful=False)

        def noted(self, note):
            super().noted(note)
            go.touch()
            came.append(cluster.add_node(num_cpus=3))

    board, came = Losing(), []
    try:
        (outcome,) = done([Task("slide", cluster_tasks.begin_and_wait, (go,))], board, cpus=3)
    finally:
        for machine in came:
            cluster.remove_node(machine)
    assert (outcome.error, outcome.attempts) == (None, 2)
    assert board.notes == ["no machine is left that can do the work; it waits for one to come"]


def dead(number):
    try:
        return psutil.Process(int(number)).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


BLIND = """
import os
sees = os.path.exists
os.path.exists = lambda path: "HIDDEN" not in str(path) and sees(path)
"""


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (
            {"carcinomap/__init__.py": "", "carcinomap/version.py": "__version__ = '0.0.1'"},
            "has carcinomap 0.0.1, and",
        ),
        (
            {"carcinomap/__init__.py": "import nowhere_to_be_found"},
            "cannot load carcinomap (ModuleNotFound",
        ),
        (
            {"sitecustomize.py": BLIND.replace("HIDDEN", ".carcinomap-shared-")},
            "has another {tmp_path}, or none, and",
        ),
        (
            {"sitecustomize.py": BLIND.replace("HIDDEN", "slide.svs")},
            "does not see {tmp_path}/lib/slide.svs",
        ),
    ],
)
def test_a_machine_that_can_do_nothing_for_a_run_is_left_out(cluster, tmp_path, there, said):
    said = said.replace("{tmp_path}", str(tmp_path))
    for name, text in there.items():
        (tmp_path / "lib" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lib" / name).write_text(text)
    path = os.pathsep.join([str(tmp_path / "lib"), os.environ["PYTHONPATH"]])
    other = cluster.add_node(num_cpus=4, env_vars={"PYTHONPATH": path})
    go = tmp_path / "go"

    class Opening(Log):
        def noted(self, note):
            super().noted(note)
            go.touch()  # until then the first machine is busy

    board, writing = Opening(), {"shared": tmp_path / "maps" / "not there yet"}
    slide = tmp_path / "lib" / "slide.svs"
    slide.touch()
    arguments = (go, tmp_path / "log")
    tasks = [Task(str(n), cluster_tasks.wait_for, arguments, (slide,)) for n in range(12)]
    try:
        outcomes = done(tasks, board, retries=0, **writing)
        with pytest.raises(CarcinomapError, match=re.escape(said)):
            done(tasks, cpus=3, **writing)
    finally:
        cluster.remove_node(other)
    assert [outcome.error for outcome in outcomes] == [None] * 12
    assert max(outcome.attempts for outcome in outcomes) > 1
    (note,) = board.notes
    assert said in note
    assert sorted(path.name for path in tmp_path.iterdir()) == ["go", "lib", "log"]


def test_a_file_that_nobody_sees_is_no_fault_of_a_machine(cluster, tmp_path):
    board = Log()
    gone = Task("gone", cluster_tasks.square, (1,), (tmp_path / "slide.svs",))
    lost, other = done([gone, Task("other", cluster_tasks.square, (2,))], board)
    assert "slide.svs: is not there any more" in str(lost.error)
    assert (other.result, board.notes) == (4, [])


def test_closing_interrupts_tasks_that_run(cluster, tmp_path):
    log = tmp_path / "log"
    tasks = [Task("waits", cluster_tasks.wait_until_interrupted, (log,))]

    class Impatient(Log):
        def started(self, *arguments):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        done(tasks, Impatient())
    assert log.read_text() == "ended properly"


def test_what_no_machine_can_hold(cluster):
    with pytest.raises(InputError, match=r"1000 CPUs.* are asked for, and there is .*2 CPUs"):
        done([Task("slide", cluster_tasks.square, (1,))], cpus=1000)


def test_no_cluster(monkeypatch):
    with pytest.raises(InputError, match="not the address of a cluster's head"):
        RayCluster("ray://somewhere:10001")
    monkeypatch.setattr("carcinomap.cluster.ray_cluster.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'carcinomap\[cluster\]'"):
        RayCluster("local")


NO_CLUSTER = """
import sys
from carcinomap.cluster import RayCluster
list(RayCluster(sys.argv[1]).run([], None))
"""


def test_an_address_where_nothing_answers():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # not listening
        address = f"127.0.0.1:{held.getsockname()[1]}"
        command = [sys.executable, "-c", NO_CLUSTER, address]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert f"{address}: no Ray cluster there" in ended.stderr


LOCAL = """
import sys
from carcinomap.signals import interrupt_on_sigterm
from test_ray_cluster import Log, RayCluster, Task, cluster_tasks

class Telling(Log):
    def started(self, index, name, host):
        print(name, flush=True)

interrupt_on_sigterm()
tasks = [
    Task("short", cluster_tasks.square, (5,)),
    Task("long", cluster_tasks.wait_until_interrupted, (sys.argv[1],)),
]
for outcome in RayCluster("local", cpus=1).run(tasks, Telling()):
    print(outcome.result, flush=True)
"""


def test_a_cluster_of_this_machine_leaves_nothing_behind(tmp_path):
    log = tmp_path / "log"
    environment = {**os.environ, MARK: str(tmp_path)}
    environment["PYTHONPATH"] = os.pathsep.join([str(HERE), *sys.path])
    command = [sys.executable, "-c", LOCAL, str(log)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, env=environment, text=True, **streams)
    assert sorted(process.stdout.readline() for _ in range(3)) == ["25\n", "long\n", "short\n"]
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=120)
    assert output == ""
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert log.read_text() == "ended properly"
    assert not [one for one in psutil.process_iter() if marked(one, str(tmp_path))]


def marked(process, mark):
    try:
        return process.environ().get(MARK) == mark
    except psutil.Error:
        return False
