"""A part of a step, taken by a copy of the network before the training begins."""

import copy

import torch
from torch import nn

from carcinomap.errors import InputError
from carcinomap.model import Network
from carcinomap.slide import View
from carcinomap.training.batches import Division

ENOUGH = 2  # patches to see what a network does with a part


def rehearse(network: Network, views: tuple[View, ...], division: Division) -> None:
    """See that a network can learn from a step as it is divided, and from patches of that size.

    Weights that nothing depends on, such as deep layers of an encoder that the decoder has no use
    for, are frozen where processes that train together would wait for their gradients.

    Args:
        network: The network.
        views: What it sees of a patch.
        division: Of a step's patches.

    Raises:
        InputError: A part is a single patch, and the network normalises over several; or a patch
            is of a size that the network cannot take.
    """
    try:
        twin = _rehearsed(network.module, views, division)
    except (RuntimeError, ValueError, AssertionError) as error:
        raise InputError(_fault(network, views, division, error)) from error
    if division.processes == 1:
        return
    for weight, used in zip(network.module.parameters(), twin.parameters(), strict=True):
        if used.grad is None:
            weight.requires_grad_(False)


def _rehearsed(module: nn.Module, views: tuple[View, ...], division: Division) -> nn.Module:
    """Return a copy of the network that has taken a part of a step."""
    with torch.random.fork_rng(devices=[]):
        try:
            # Of shapes alone, which takes no memory, however large a patch is.
            return _taken(module, views, division, "meta")
        except RuntimeError:  # also what a network gets that looks at what it computes
            return _taken(module, views, division, "cpu")


def _taken(
    module: nn.Module, views: tuple[View, ...], division: Division, device: str
) -> nn.Module:
    twin = copy.deepcopy(module).to(device).train()
    count = min(division.size, ENOUGH)
    images = [torch.zeros(count, 3, view.size, view.size, device=device) for view in views]
    with torch.set_grad_enabled(division.processes > 1):
        logits = twin(*images)
    if logits.requires_grad:
        logits.sum().backward()
    return twin


def _fault(network: Network, views: tuple[View, ...], division: Division, error: Exception) -> str:
    if division.size == 1 and isinstance(error, ValueError):  # of a normalisation over one value
        return (
            f"{network.architecture} cannot learn from one patch at a time; give a --batch of at "
            "least two patches for each of --devices × --nodes × --accumulate"
        )
    return (
        f"{network.architecture} cannot learn from patches of --patch {views[0].size} ({error}); "
        "try another --patch, or another --architecture"
    )
