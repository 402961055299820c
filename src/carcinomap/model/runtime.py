"""What executes a model, and the choice of it."""

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from carcinomap.annotation import ClassScheme
from carcinomap.model.spec import Model
from carcinomap.slide import View

Views = tuple[NDArray[np.uint8], ...]
"""One batch: an array (n, h, w, 3) of RGB for each view of the model."""


class Runtime(Protocol):
    """Executes a model.

    Attributes:
        classes: What the channels of the output mean.
        views: What the model sees around a point; a batch has one array for each.
        stride: Height and width of the arrays are multiples of it, in pixels.
    """

    classes: ClassScheme
    views: tuple[View, ...]
    stride: int

    def run(self, batches: Iterable[Views]) -> Iterator[NDArray[np.float32]]:
        """Yield the probabilities of each batch, in order.

        Batches are taken from the iterable before they are needed, so that computing goes on
        while the caller deals with the last result. An exception in the iterable ends the
        iterator. Batches of one shape are fastest.

        Args:
            batches: Tuples of uint8 (n, h, w, 3), one array for each view.

        Yields:
            float32 (n, classes, h, w), summing to 1 over the classes.

        Raises:
            ValueError: A batch does not fit the model.
        """
        ...


def open_runtime(model: Model, device: str = "auto", threads: int | None = None) -> Runtime:
    """Choose what executes a model: PyTorch on a GPU, OpenVINO on the CPU.

    Args:
        model: The model; it is copied.
        device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:1``.
        threads: Threads to compute with on the CPU; one for each core by default.

    Raises:
        InputError: There is no such device.
    """
    # Imported here, since who only names the type of a runtime need not wait for PyTorch.
    import torch  # noqa: PLC0415

    from carcinomap.model.torch_runtime import TorchRuntime, cuda_device  # noqa: PLC0415

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cpu":
        return TorchRuntime(model, cuda_device(device))
    try:
        from carcinomap.model.openvino_runtime import OpenVinoRuntime  # noqa: PLC0415
    except ImportError:  # not made for every kind of machine
        return TorchRuntime(model, torch.device("cpu"), threads)
    return OpenVinoRuntime(model, threads)
