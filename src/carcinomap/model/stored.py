"""A model that is used without its network ever being built in this process.

The description in a model file says nearly everything: classes, resolution, stride. The weights
are for the runtime, and PyTorch, with which they become a network, is slow and large to import.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from carcinomap.errors import InputError, existing_file
from carcinomap.model.onnx_model import OnnxModel, load_onnx
from carcinomap.model.spec import Model, ModelSpec, fingerprint
from carcinomap.storage import AnyPath, as_path, reading_copy

if TYPE_CHECKING:
    from torch import nn

# One key alone: several are written in random order, and equal models would differ in bytes.
KEY = "carcinomap"

__all__ = ["KEY", "ModelFile", "OnnxModel", "open_model", "reading"]


class ModelFile(Model):
    """A model whose network stays in its file until it is asked for.

    Args:
        spec: What the file says that it is.
        path: The file.
    """

    path: Path

    def __init__(self, spec: ModelSpec, path: Path) -> None:
        vars(self).update(spec=spec, path=path)

    @cached_property
    def network(self) -> "nn.Module":
        """The network, in evaluation mode.

        Raises:
            InputError: The weights are not those of the network that the file describes.
        """
        from carcinomap.model.file import load_model  # noqa: PLC0415 - see the module

        return load_model(self.path).network

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the spec and the weights: that of the loaded model.

        Raises:
            InputError: The file cannot be read any more.
        """
        with reading(self.path, "numpy") as content:
            names = sorted(content.keys())
            return fingerprint(self.spec, ((name, content.get_tensor(name)) for name in names))


def open_model(path: str | AnyPath) -> Model:
    """Open a model file, or a lab's own ONNX network, for a runtime.

    Unlike ``load_model`` it leaves the network in the file: whether the weights fit what the file
    says about them shows when they are first used.

    Raises:
        InputError: There is no such file, or no model in it; the message names the file and the
            reason.
    """
    with reading_copy(as_path(path), "model") as copy:
        file = existing_file(copy, "model")
        if file.suffix.lower() == ".onnx":
            return load_onnx(file)
        with reading(file, "numpy") as content:
            return ModelFile(_spec(content), file)


@contextmanager
def reading(path: Path, framework: str) -> Iterator[Any]:
    """Read a model file within the block; what is wrong with it becomes an error that names it.

    Args:
        path: The file.
        framework: Whose tensors it shall give, ``pt`` or ``numpy``.

    Raises:
        InputError: It is not a model file, or the block says that it is not usable.
    """
    try:
        with safe_open(path, framework=framework) as content:
            yield content
    except (SafetensorError, OSError, TypeError) as error:
        raise InputError(f"{path}: not a model file ({error})") from error
    except InputError as error:
        raise InputError(f"{path}: not a usable model file: {error}") from error


def _spec(content: Any) -> ModelSpec:
    metadata = content.metadata() or {}
    if KEY not in metadata:
        raise InputError("it has weights, but no description by carcinomap")
    return ModelSpec.from_json(metadata[KEY])
