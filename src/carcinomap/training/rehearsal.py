"""A part of a step, taken by a copy of the network before the training begins."""

import copy

import torch

from carcinomap.errors import InputError
from carcinomap.model import Network
from carcinomap.slide import View
from carcinomap.training.batches import Division

ENOUGH = 2  # patches to see what a network does with a part


def rehearse(network: Network, views: tuple[View, ...], division: Division) -> None:
    """See that a network can learn from a step as it is divided; does nothing where it surely can.

    Weights that nothing depends on, such as deep layers of an encoder that the decoder has no use
    for, are frozen: processes that train together would wait for their gradients.

    Args:
        network: The network.
        views: What it sees of a patch.
        division: Of a step's patches.

    Raises:
        InputError: A part is a single patch, and the network normalises over several.
    """
    if division.size > 1 and division.processes == 1:
        return
    twin = copy.deepcopy(network.module).train()
    count = min(division.size, ENOUGH)
    try:
        logits = twin(*(torch.zeros(count, 3, view.size, view.size) for view in views))
    except ValueError as error:  # of a normalisation over one value
        raise InputError(
            f"{network.architecture} cannot learn from one patch at a time; give a --batch of at "
            "least two patches for each of --devices × --nodes × --accumulate"
        ) from error
    logits.sum().backward()
    for weight, used in zip(network.module.parameters(), twin.parameters(), strict=True):
        if used.grad is None:
            weight.requires_grad_(False)
