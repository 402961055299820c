"""Weights of an encoder from a file that a user has."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from carcinomap.errors import InputError, existing_file

_PREFIXES = ("", "encoder.", "module.", "module.encoder.", "backbone.", "model.")
"""What may stand before an encoder's own names where the file is of a larger network."""

_NUMBERS = {torch.float64, torch.float32, torch.float16, torch.bfloat16} | {
    *(torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2, torch.float8_e5m2fnuz)
}
"""The types of numbers in which weights are taken as they are."""


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
    weights = [name for name in lacking if wanted[name].is_floating_point()]
    for place in _places(weights, tensors):
        if not _is_plain(tensor := tensors[place], real=True):
            raise InputError(
                f"{path}: {place} is of {tensor.dtype} ({tensor.layout}, on {tensor.device}), "
                "where plain floating-point numbers belong"
            )
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
    """Return those tensors that are there behind a prefix, of the right kind and shape, finite."""
    found = {}
    for name, own in wanted.items():
        # The library keeps timm's networks under a name of its own.
        for place in (prefix + name, prefix + name.removeprefix("model.")):
            tensor = tensors.get(place)
            if tensor is None or not _is_plain(tensor, real=own.is_floating_point()):
                continue
            if tensor.shape == own.shape and (values := tensor.to(own.dtype)).isfinite().all():
                found[name] = values
                break
    return found


def _is_plain(tensor: Tensor, real: bool) -> bool:
    """Say whether a tensor has a value at every place, a real number or else a whole one."""
    dense = tensor.layout == torch.strided and not tensor.is_nested
    numbers = _NUMBERS if real else _NUMBERS | {torch.int32, torch.int64}
    return dense and tensor.device.type == "cpu" and tensor.dtype in numbers


def _places(names: Iterable[str], tensors: Mapping[str, Tensor]) -> list[str]:
    """Return where a file has tensors of these names, whatever stands before them."""
    ends = tuple(name.removeprefix("model.") for name in names)
    return [place for place in tensors if place.endswith(ends)]


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
