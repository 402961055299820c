"""How many patches fit on a GPU."""

import copy
from collections.abc import Sequence

import torch
from torch import nn

from carcinomap.slide import View

CPU_BATCH = 8  # more only takes longer there
LARGEST = 256
SHARE = 0.85  # of the memory that may be used: blocks of other sizes come too


def fitting_batch(
    network: nn.Module, views: Sequence[View], device: torch.device, half: bool
) -> int:
    """Return the largest power of two of patches whose step fits into a GPU's memory.

    By trying, with a copy of the network: forwards and backwards, beside what else is kept of each
    weight: a gradient, two numbers of the optimiser and the running mean. On the CPU it is a fixed
    number.

    Args:
        network: The network.
        views: What it sees of a patch.
        device: The device.
        half: Whether it is trained in half precision.
    """
    if device.type != "cuda":
        return CPU_BATCH
    twin = copy.deepcopy(network).to(device)
    kept = [torch.empty_like(weight) for weight in twin.parameters() for _ in range(4)]
    fits = 1
    try:
        while fits < LARGEST:
            torch.cuda.reset_peak_memory_stats(device)
            _step(twin, views, 2 * fits, device, half)
            if torch.cuda.max_memory_allocated(device) > SHARE * torch.cuda.mem_get_info(device)[1]:
                break
            fits *= 2
    except torch.OutOfMemoryError:
        pass
    finally:
        del kept, twin
        torch.cuda.empty_cache()
    return fits


def _step(
    network: nn.Module, views: Sequence[View], count: int, device: torch.device, half: bool
) -> None:
    images = [torch.zeros(count, 3, view.size, view.size, device=device) for view in views]
    with torch.autocast("cuda", enabled=half):
        logits = network(*images)
    logits.float().square().mean().backward()
