import pytest
import torch

from carcinomap.errors import InputError
from carcinomap.model import build_network
from carcinomap.training.fitting_batch import CPU_BATCH, fitting_batch
from carcinomap.training.hardware import first_device, hardware, worker_count
from carcinomap.training.settings import TrainingSettings


def test_several_devices_and_nodes_work_together():
    one = hardware(TrainingSettings(device="cpu", precision="32"))
    assert one == {"accelerator": "cpu", "devices": 1, "num_nodes": 1, "precision": "32-true"}
    many = hardware(TrainingSettings(device="cpu", devices=2, nodes=3, precision="bf16"))
    assert (many["devices"], many["num_nodes"]) == (2, 3)
    assert (many["strategy"], many["precision"]) == ("ddp", "bf16-mixed")


@pytest.mark.parametrize(
    ("able", "precision"),
    [
        ({"avx512_bf16": True}, "bf16-mixed"),
        ({"amx_bf16": True}, "bf16-mixed"),
        ({"avx512_bf16": False, "avx2": True}, "32-true"),
    ],
)
def test_a_cpu_computes_in_half_where_it_has_that_in_hardware(monkeypatch, able, precision):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: able, raising=False)
    assert hardware(TrainingSettings(device="cpu"))["precision"] == precision


def test_a_cpu_of_which_pytorch_tells_nothing_computes_in_full(monkeypatch):
    monkeypatch.delattr("torch.cpu.get_capabilities", raising=False)
    assert hardware(TrainingSettings(device="cpu"))["precision"] == "32-true"


def test_gpus_are_counted_from_the_one_that_is_named(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: True)
    found = hardware(TrainingSettings(device="cuda:1", devices=3))
    assert found["devices"] == [1, 2, 3]
    assert found["precision"] == "bf16-mixed"
    assert first_device(TrainingSettings(device="cuda:1")) == torch.device("cuda:1")
    with pytest.raises(InputError, match="there are only 4"):
        hardware(TrainingSettings(device="cuda:1", devices=4))


def test_readers_are_shared_by_the_devices(monkeypatch):
    assert worker_count(TrainingSettings(workers=5)) == 5
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert worker_count(TrainingSettings()) == 1
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("carcinomap.training.hardware.usable_cores", lambda: 12.0)
    assert worker_count(TrainingSettings(devices=4)) == 3


def test_on_the_cpu_a_batch_is_not_searched_for():
    network = build_network("atrous-resnet", classes=2, width=1 / 16)
    assert (
        fitting_batch(network.module, network.views(1.0, 64), torch.device("cpu"), True)
        == CPU_BATCH
    )


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "tpu", ""])
def test_unknown_device(device):
    with pytest.raises(InputError, match="not 'auto', 'cpu'"):
        hardware(TrainingSettings(device=device))


def test_cuda_where_there_is_none(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match="use 'cpu'"):
        hardware(TrainingSettings(device="cuda"))
    assert hardware(TrainingSettings())["accelerator"] == "cpu"


@pytest.fixture
def started_by(monkeypatch):
    """Return a function that sets the variables that SLURM or torchrun set."""
    for name in ("TORCHELASTIC_RUN_ID", "WORLD_SIZE", "SLURM_NTASKS", "SLURM_NTASKS_PER_NODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLURM_JOB_NAME", "train")

    def set_all(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_all


def test_slurm_starts_as_many_processes_as_are_asked_for(started_by):
    started_by(SLURM_NTASKS="1", SLURM_NNODES="1")
    assert hardware(TrainingSettings(device="cpu"))["devices"] == 1
    started_by(SLURM_NTASKS="6", SLURM_NNODES="3")
    three_by_two = TrainingSettings(device="cpu", devices=2, nodes=3)
    # Lightning wants to be told, and its own error is a traceback.
    with pytest.raises(InputError, match="--ntasks-per-node not given"):
        hardware(three_by_two)
    started_by(SLURM_NTASKS_PER_NODE="2")
    found = hardware(three_by_two)
    assert found["num_nodes"] == 3
    assert not found["plugins"][0].auto_requeue
    with pytest.raises(InputError, match="SLURM started 6 tasks on 3 nodes"):
        hardware(TrainingSettings(device="cpu", devices=3, nodes=2))
    with pytest.raises(InputError, match="use srun --nodes 1 --ntasks-per-node 1"):
        hardware(TrainingSettings(device="cpu"))


def test_a_shell_on_a_slurm_node_is_no_task(started_by):
    started_by(SLURM_NTASKS="4", SLURM_JOB_NAME="bash")
    assert hardware(TrainingSettings(device="cpu"))["devices"] == 1


def test_torchrun_starts_as_many_processes_as_are_asked_for(started_by):
    started_by(TORCHELASTIC_RUN_ID="none", WORLD_SIZE="4", SLURM_NTASKS="1")
    assert hardware(TrainingSettings(device="cpu", devices=2, nodes=2))["num_nodes"] == 2
    with pytest.raises(InputError, match="torchrun started 4 processes"):
        hardware(TrainingSettings(device="cpu", devices=2))
