import pytest

from carcinomap.cluster.needs import Needs, machines_of, needs_on
from carcinomap.errors import InputError

GB = 1_000_000_000


def node(cpus, gpus=0, memory=64, alive=True):
    resources = {"CPU": float(cpus), "memory": memory * 1e9}
    if gpus:
        resources["GPU"] = float(gpus)
    return {
        "NodeID": f"id-{cpus}",
        "NodeManagerHostname": f"host-{cpus}",
        "Alive": alive,
        "Resources": resources,
    }


def needs(*nodes, cpus=None, gpus=None, memory=None):
    return needs_on(machines_of(nodes), cpus, gpus, memory)


def test_by_itself_a_task_gets_what_the_smallest_machine_that_computes_has():
    assert needs(node(0), node(16), node(2)) == Needs(2, 0, 2 * GB)
    assert needs(node(16), node(8), node(1, alive=False)) == Needs(4, 0, 2 * GB)
    assert needs(node(16, gpus=4), node(2)) == Needs(4, 1, 2 * GB)
    assert needs(node(16, gpus=4), node(2), gpus=0) == Needs(2, 0, 2 * GB)
    assert needs(node(4, memory=1.5)) == Needs(4, 0, 1.5 * GB)


def test_what_is_asked_for_is_not_changed():
    assert needs(node(16, gpus=1), cpus=7, gpus=0.5, memory=GB) == Needs(7, 0.5, GB)


@pytest.mark.parametrize(
    "asked", [{"cpus": 9}, {"gpus": 2}, {"memory": 65 * GB}, {"cpus": 8, "gpus": 1}]
)
def test_what_no_machine_has_is_told_at_once(asked):
    with pytest.raises(InputError, match=r"host-8 with 8 CPUs, 0 GPUs and 64\.0 GB.*host-4"):
        needs(node(8), node(4, gpus=1), **asked)


def test_a_cluster_of_which_nothing_is_left():
    with pytest.raises(InputError, match="no machine at all"):
        needs(node(8, alive=False))


def test_how_many_fit():
    (machine,) = machines_of([node(8, gpus=2, memory=10)])
    assert Needs(2, 0, GB).fit(machine) == 4
    assert Needs(1, 1, GB).fit(machine) == 2
    assert Needs(1, 0.4, GB).fit(machine) == 5
    assert Needs(1, 0, 6 * GB).fit(machine) == 1
    assert Needs(9, 0, GB).fit(machine) == 0
