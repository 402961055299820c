"""Networks, the file a trained one lives in, and the runtimes that execute it.

A network alone is useless: which classes it tells apart, at how many microns per pixel and
with which preprocessing is as much a part of it as its weights. So they travel together, as a
``Model``, in one file that can be loaded without trusting its author. What executes a model is
a ``Runtime``: pixels in, probabilities out, in order; nobody above this room knows whether
PyTorch or OpenVINO does the arithmetic.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from carcinomap.model.spec import Model, ModelSpec, Preprocessing

if TYPE_CHECKING:
    from carcinomap.model.file import load_model, save_model
    from carcinomap.model.networks import Network, architectures, build_network, encoders
    from carcinomap.model.opening import gpu_count, open_runtime
    from carcinomap.model.runtime import Runtime
    from carcinomap.model.stored import open_model

__all__ = [
    "Model",
    "ModelSpec",
    "Network",
    "Preprocessing",
    "Runtime",
    "architectures",
    "build_network",
    "encoders",
    "gpu_count",
    "load_model",
    "open_model",
    "open_runtime",
    "save_model",
]

# PyTorch and the libraries of networks take seconds to import: only where they are used.
_HOMES = {
    "Network": "networks",
    "Runtime": "runtime",
    "architectures": "networks",
    "build_network": "networks",
    "encoders": "networks",
    "gpu_count": "opening",
    "load_model": "file",
    "open_model": "stored",
    "open_runtime": "opening",
    "save_model": "file",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
