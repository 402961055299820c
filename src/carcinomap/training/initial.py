"""A training that starts from an earlier model, of the same classes or of others."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from carcinomap.annotation import ClassScheme
from carcinomap.errors import InputError
from carcinomap.model import Network, load_model
from carcinomap.model.onnx_model import OnnxModel

LAST_LAYER = "segmentation_head."  # in the library's networks; its tensors have a row a class
REFERENCE_LAST_LAYER = "up_to_full."


def start_from(network: Network, scheme: ClassScheme, path: str | Path) -> tuple[Network, str]:
    """Load an earlier model's weights into a network, as far as they are of the same shape.

    In the last layer those of classes that both know by name are taken over, and the others stay
    as they are.

    Args:
        network: The network to be trained.
        scheme: Its classes.
        path: The model file.

    Returns:
        The network, which is to see its pixels as the earlier model did, and what a user should
        know of it, as a sentence.

    Raises:
        InputError: It is no model file, or one of another kind of network.
    """
    model = load_model(path)
    if isinstance(model, OnnxModel):
        raise InputError(f"{path}: an ONNX network is for mapping; training starts from our own")
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
    counts = (len(scheme), len(spec.classes))
    left = _copy(network.module, model.network, ours, theirs, counts)
    told = [f"started from {Path(path).name}"]
    if new := [name for name in scheme.names if name not in shared]:
        told.append(f"classes that it does not know: {', '.join(new)}")
    if left:
        told.append(f"layers that depend on the classes begin anew: {', '.join(left)}")
    return replace(network, preprocessing=spec.preprocessing), "; ".join(told)


@torch.no_grad()
def lower_scores(network: nn.Module, shift: torch.Tensor) -> None:
    """Lower the logits with which a network begins, by what the loss adds to them.

    Only a beginning: a network whose last layer has no such bias gets there by itself.

    Args:
        network: The network to be trained.
        shift: By how much, (classes,).
    """
    for name, bias in network.named_parameters():
        last = LAST_LAYER in name or REFERENCE_LAST_LAYER in name
        if last and name.endswith(".bias") and bias.shape == shift.shape:
            bias.sub_(shift)


@torch.no_grad()
def _copy(
    target: nn.Module,
    source: nn.Module,
    ours: torch.Tensor,
    theirs: torch.Tensor,
    counts: tuple[int, int],
) -> list[str]:
    """Copy tensors of one shape whole, and the last layer class by class where classes differ.

    Args:
        target: Network of so many classes as the first of ``counts``.
        source: Network of the same kind, of the second's.
        ours: Classes of the target that the source knows too.
        theirs: The same classes, as the source counts them.
        counts: Of the classes.

    Returns:
        The parts of the network of which something stays as it was.
    """
    known = source.state_dict()
    same = counts[0] == counts[1] == len(ours) and torch.equal(ours, theirs)
    left: dict[str, None] = {}
    for name, tensor in target.state_dict().items():
        of_classes = (tensor.shape[:1], known[name].shape[:1]) == ((counts[0],), (counts[1],))
        if LAST_LAYER in name and not same and of_classes:
            tensor[ours] = known[name][theirs].to(tensor.dtype)
        elif tensor.shape != known[name].shape or (REFERENCE_LAST_LAYER in name and not same):
            left[name.partition(".")[0]] = None
        else:
            tensor.copy_(known[name])
    return list(left)
