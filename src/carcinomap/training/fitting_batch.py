"""How many patches fit on a GPU."""

from collections.abc import Sequence

import torch
from torch import nn

from carcinomap.slide import View

CPU_BATCH = 8  # more only takes longer there
LARGEST = 256
SHARE = 0.85  # of the memory that may be used: blocks of other sizes come too


def fitting_batch(network: nn.Module, views: Sequence[View], device: torch.device) -> int:
    """Return the largest power of two of patches whose step fits into a GPU's memory.

    By trying: forwards and backwards in half precision, with a copy of the gradients and two more
    of the weights, as the optimiser keeps them. On the CPU it is a fixed number.

    Args:
        network: The network; it comes back on the CPU, its gradients cleared.
        views: What it sees of a patch.
        device: The device.
    """
    if device.type != "cuda":
        return CPU_BATCH
    network.to(device)
    kept = [torch.empty_like(weight) for weight in network.parameters() for _ in range(3)]
    fits = 1
    try:
        while fits < LARGEST:
            torch.cuda.reset_peak_memory_stats(device)
            _step(network, views, 2 * fits, device)
            if torch.cuda.max_memory_allocated(device) > SHARE * torch.cuda.mem_get_info(device)[1]:
                break
            fits *= 2
    except torch.OutOfMemoryError:
        pass
    finally:
        del kept
        network.zero_grad(set_to_none=True)
        network.cpu()
        torch.cuda.empty_cache()
    return fits


def _step(network: nn.Module, views: Sequence[View], count: int, device: torch.device) -> None:
    images = [torch.zeros(count, 3, view.size, view.size, device=device) for view in views]
    with torch.autocast("cuda"):
        logits = network(*images)
    logits.float().square().mean().backward()
