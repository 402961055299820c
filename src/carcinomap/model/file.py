"""The model file: weights and all that is needed to use them, in one safetensors file.

Loading one never executes anything that is in it. The network is built by our own code from
the architecture's name, and only tensors of exactly its names, shapes and types are taken.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from carcinomap.errors import InputError
from carcinomap.files import atomic_path
from carcinomap.model.networks import Network, rebuild_network
from carcinomap.model.spec import Model, ModelSpec
from carcinomap.model.stored import KEY, OnnxModel, open_model, reading
from carcinomap.storage import AnyPath, as_path, local_copy


def save_model(model: Model, path: str | Path) -> None:
    """Write a model file, atomically; equal models give equal bytes.

    Weights of any precision are written as float32.
    """
    tensors = {name: _stored(tensor) for name, tensor in model.network.state_dict().items()}
    content = save(tensors, metadata={KEY: model.spec.to_json()})
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def load_model(path: str | AnyPath) -> Model:
    """Read a model file; its network is on the CPU, in evaluation mode.

    A lab's own network, ``NAME.onnx`` with ``NAME.yaml`` beside it, stays in its file.

    Raises:
        InputError: There is no such file, or it is no model file that can be used; the message
            names the file and the reason.
    """
    model = open_model(path)
    if isinstance(model, OnnxModel):
        return model
    with reading(local_copy(as_path(path), "model"), "pt") as content:
        return Model(model.spec, _network(model.spec, content))


def _stored(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    return tensor.float() if tensor.is_floating_point() else tensor


def _network(spec: ModelSpec, content: Any) -> torch.nn.Module:
    outline = _outline(spec)
    if outline is not None:
        _check(spec, outline, content)
    network = rebuild_network(spec.architecture, spec.kwargs, len(spec.classes))
    if outline is None:
        _check(spec, network, content)
    tensors = {name: content.get_tensor(name) for name in network.module.state_dict()}
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise InputError(f"the weights {name} are not all finite numbers")
    network.module.load_state_dict(tensors)
    return network.module.eval()


def _outline(spec: ModelSpec) -> Network | None:
    """Build a network without memory: the smallest file can name one of billions of weights."""
    try:
        with torch.device("meta"):
            return rebuild_network(spec.architecture, spec.kwargs, len(spec.classes))
    except (InputError, RuntimeError):
        # Also of an encoder that computes with tensors while it is built, such as the mit_ ones,
        # none of them large; a description that is wrong is told when the network is built.
        return None


def _check(spec: ModelSpec, network: Network, content: Any) -> None:
    """Check that the file holds exactly the tensors of ``network``, its views and its stride."""
    first = spec.views[0]
    if spec.views != network.views(first.mpp, first.size):
        raise InputError(f"views {spec.views}, where {spec.architecture} has other ones")
    if spec.stride != network.stride:
        raise InputError(
            f"stride {spec.stride}, where {spec.architecture} has {network.stride} pixels"
        )
    expected = {
        name: ("F32" if tensor.is_floating_point() else "I64", list(tensor.shape))
        for name, tensor in network.module.state_dict().items()
    }
    found = {}
    for name in content.keys():  # noqa: SIM118 - not a mapping
        tensor = content.get_slice(name)
        found[name] = (tensor.get_dtype(), tensor.get_shape())
    wrong = sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))
    if wrong:
        raise InputError(
            f"{len(wrong)} of its tensors do not fit {spec.architecture} "
            f"{dict(spec.kwargs)}, such as {wrong[0]}"
        )
