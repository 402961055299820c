"""On what a training runs, in Lightning's words."""

import os
from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch.utilities import rank_zero_only

from carcinomap.model.torch_runtime import cuda_device
from carcinomap.training.settings import TrainingSettings

_PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}


def is_first_process() -> bool:
    """Return whether this process writes the run's files; with one device it always does."""
    return int(getattr(rank_zero_only, "rank", 0) or 0) == 0


def hardware(settings: TrainingSettings) -> dict[str, Any]:
    """Translate devices and precision.

    Raises:
        InputError: There is no such device, or there are not so many.
    """
    together: dict[str, Any] = {"num_nodes": settings.nodes}
    if settings.devices * settings.nodes > 1:
        together["strategy"] = "ddp"
    precision = _PRECISIONS.get(settings.precision)
    device = settings.device
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        chosen = {"accelerator": "cpu", "devices": settings.devices}
        return {**chosen, **together, "precision": precision or _of_cpu()}
    first = cuda_device("cuda" if device == "auto" else device).index or 0
    cuda_device(f"cuda:{first + settings.devices - 1}")
    half = "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    return {
        "accelerator": "gpu",
        "devices": list(range(first, first + settings.devices)),
        **together,
        "precision": precision or half,
    }


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
    return min(8, max(1, (os.cpu_count() or 1) // settings.devices))
