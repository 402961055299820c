"""Weights of an encoder from a file that a user has."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from carcinomap.errors import InputError, existing_file

_PREFIXES = ("", "encoder.", "module.", "module.encoder.", "backbone.", "model.")
"""What may stand before an encoder's own names where the file is of a larger network."""


def load_encoder_file(encoder: nn.Module, path: Path) -> None:
    """Load the weights of an encoder, all of them, from a file.

    Args:
        encoder: As the library built it.
        path: Tensors by name, as safetensors or as PyTorch saves them: of the encoder itself, of
            the network that it was taken from, such as torchvision's ResNet or timm's, or of one
            that has it as its encoder. Nothing in it is executed.

    Raises:
        InputError: There is no such file, or it does not hold this encoder's weights.
    """
    tensors = _read(existing_file(path, "file of an encoder's weights"))
    wanted = encoder.state_dict()
    fitting = max((_found(wanted, tensors, prefix) for prefix in _PREFIXES), key=len)
    lacking = sorted(wanted.keys() - fitting.keys() - _counters(wanted))
    if lacking:
        shown = ", ".join(lacking[:3])
        raise InputError(
            f"{path}: not the weights of this encoder: {len(lacking)} of {len(wanted)} tensors are "
            f"missing in it, or of another shape ({shown}, …)"
        )
    encoder.load_state_dict({**wanted, **fitting})


def _found(
    wanted: Mapping[str, Tensor], tensors: Mapping[str, Tensor], prefix: str
) -> dict[str, Tensor]:
    """Return those tensors that are there behind a prefix, of the right shape and finite."""
    found = {}
    for name, own in wanted.items():
        # The library keeps timm's networks under a name of its own.
        for place in (prefix + name, prefix + name.removeprefix("model.")):
            tensor = tensors.get(place)
            if tensor is not None and tensor.shape == own.shape and tensor.isfinite().all():
                found[name] = tensor
                break
    return found


def _counters(wanted: Mapping[str, Tensor]) -> set[str]:
    """Return the names of what old files lack, and what only counts batches."""
    return {name for name in wanted if name.endswith(".num_batches_tracked")}


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    except Exception as error:  # torch says it in many ways, and at length
        raise InputError(
            f"{path}: not tensors alone as PyTorch saves them ({type(error).__name__})"
        ) from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise InputError(f"{path}: a {type(content).__name__}, where tensors by name belong")
    return {str(name): one for name, one in content.items() if isinstance(one, Tensor)}
