"""A training that starts from an earlier model, of the same classes or of others."""

from pathlib import Path

import torch
from torch import nn

from carcinomap.annotation import ClassScheme
from carcinomap.errors import InputError
from carcinomap.model import Network, load_model

LAST_LAYER = "segmentation_head."  # in the library's networks; its tensors have a row a class


def start_from(network: Network, scheme: ClassScheme, path: str | Path) -> str:
    """Load an earlier model's weights into a network, as far as they are of the same shape.

    Where a tensor is one for each class, as in the last layer, those of classes that both know by
    name are taken over, and the others stay as they are.

    Args:
        network: The network to be trained.
        scheme: Its classes.
        path: The model file.

    Returns:
        What a user should know of it, as a sentence.

    Raises:
        InputError: It is no model file, or one of another kind of network.
    """
    model = load_model(path)
    spec = model.spec
    if (spec.architecture, dict(spec.kwargs)) != (network.architecture, dict(network.kwargs)):
        raise InputError(
            f"{path}: is a {spec.architecture} {dict(spec.kwargs)}, where a "
            f"{network.architecture} {dict(network.kwargs)} is to be trained; "
            f"--architecture {spec.architecture} with the same options makes them alike"
        )
    shared = [name for name in scheme.names if name in spec.classes.names]
    ours, theirs = (
        torch.tensor([names.index(name) for name in shared], dtype=torch.long)
        for names in (scheme.names, spec.classes.names)
    )
    _copy(network.module, model.network, ours, theirs, (len(scheme), len(spec.classes)))
    new = [name for name in scheme.names if name not in shared]
    return f"started from {Path(path).name}" + (
        f"; classes that it does not know: {', '.join(new)}" if new else ""
    )


@torch.no_grad()
def _copy(
    target: nn.Module,
    source: nn.Module,
    ours: torch.Tensor,
    theirs: torch.Tensor,
    counts: tuple[int, int],
) -> None:
    """Copy tensors of one shape whole, and the last layer class by class where classes differ.

    Args:
        target: Network of so many classes as the first of ``counts``.
        source: Network of the same kind, of the second's.
        ours: Classes of the target that the source knows too.
        theirs: The same classes, as the source counts them.
        counts: Of the classes.
    """
    known = source.state_dict()
    same = counts[0] == counts[1] == len(ours) and torch.equal(ours, theirs)
    for name, tensor in target.state_dict().items():
        if LAST_LAYER in name and not same:
            tensor[ours] = known[name][theirs].to(tensor.dtype)
        elif tensor.shape == known[name].shape:
            tensor.copy_(known[name])
