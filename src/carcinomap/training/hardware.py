"""On what a training runs, in Lightning's words."""

import os
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.utilities import rank_zero_only

from carcinomap.errors import InputError
from carcinomap.granted import usable_cores
from carcinomap.model.torch_runtime import cuda_device
from carcinomap.training.settings import TrainingSettings

_PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}


def is_first_process() -> bool:
    """Return whether this process writes the run's files; with one device it always does."""
    return int(getattr(rank_zero_only, "rank", 0) or 0) == 0


def hardware(settings: TrainingSettings) -> dict[str, Any]:
    """Translate devices and precision.

    Raises:
        InputError: There is no such device, or there are not so many; or SLURM or torchrun
            started another number of processes.
    """
    _check_started(settings)
    together: dict[str, Any] = {"num_nodes": settings.nodes}
    if _by_slurm():
        # By itself Lightning would, at a signal, leave a checkpoint in the folder where it was
        # started, and any later run begun there would go on from it.
        together["plugins"] = [SLURMEnvironment(auto_requeue=False)]
    if settings.devices * settings.nodes > 1:
        together["strategy"] = "ddp"
    precision = _PRECISIONS.get(settings.precision)
    device = settings.device
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        if settings.precision == "16":
            raise InputError("--precision 16: this is for GPUs; a CPU has 32 and bf16")
        chosen = {"accelerator": "cpu", "devices": settings.devices}
        return {**chosen, **together, "precision": precision or _of_cpu()}
    first = cuda_device("cuda" if device == "auto" else device).index or 0
    cuda_device(f"cuda:{first + settings.devices - 1}")
    able = torch.cuda.is_bf16_supported(including_emulation=False)
    return {
        "accelerator": "gpu",
        "devices": list(range(first, first + settings.devices)),
        **together,
        "precision": precision or ("bf16-mixed" if able else "16-mixed"),
    }


def _check_started(settings: TrainingSettings) -> None:
    """Raise InputError where others started the processes, and not those that are asked for.

    They would wait for one another for ever, or train on a part of the patches.
    """
    nodes, devices = settings.nodes, settings.devices
    if _by_torchrun():
        started = os.environ.get("WORLD_SIZE")
        if started != str(nodes * devices):
            raise InputError(
                f"--nodes {nodes} --devices {devices}: torchrun started {started} processes; give "
                f"it --nnodes {nodes} --nproc-per-node {devices}, or say what it started"
            )
    elif _by_slurm():
        tasks, on = os.environ["SLURM_NTASKS"], os.environ.get("SLURM_NNODES", "1")
        on_each = os.environ.get("SLURM_NTASKS_PER_NODE") or ("1" if tasks == "1" else None)
        if (tasks, on, on_each) != (str(nodes * devices), str(nodes), str(devices)):
            raise InputError(
                f"--nodes {nodes} --devices {devices}: SLURM started {tasks} tasks on {on} nodes "
                f"(--ntasks-per-node {on_each or 'not given'}); use srun --nodes {nodes} "
                f"--ntasks-per-node {devices}, or say what it started"
            )


def _by_torchrun() -> bool:
    return bool(TorchElasticEnvironment.detect())


def _by_slurm() -> bool:
    """Say whether SLURM started the processes, and torchrun did not inside its job."""
    with warnings.catch_warnings(action="ignore"):  # where there is a srun, Lightning advertises it
        return bool(SLURMEnvironment.detect()) and not _by_torchrun()


def _of_cpu() -> str:
    """Return the precision that suits this CPU: emulated bfloat16 would take longer than none."""
    # PyTorch before 2.9 cannot tell.
    able: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return "bf16-mixed" if able.get("avx512_bf16") or able.get("amx_bf16") else "32-true"


def first_device(settings: TrainingSettings) -> torch.device:
    """Return the first of the devices that ``hardware`` names."""
    found = hardware(settings)
    if found["accelerator"] == "cpu":
        return torch.device("cpu")
    return torch.device("cuda", found["devices"][0])


def worker_count(settings: TrainingSettings) -> int:
    """Return how many processes read patches: one is enough beside a CPU's arithmetic."""
    if settings.workers is not None:
        return settings.workers
    if not torch.cuda.is_available():
        return 1
    return min(8, max(1, int(usable_cores()) // settings.devices))
