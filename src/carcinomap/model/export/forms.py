"""The formats a model can be exported to, and what each of them has to offer."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from carcinomap.model.runtime import Views
from carcinomap.model.spec import Model

Run = Callable[[Views], NDArray[np.float32]]
"""One batch of uint8 views (n, h, w, 3) → probabilities (n, classes, h, w)."""


class Format(StrEnum):
    """The formats, by their names on the command line."""

    ONNX = "onnx"
    OPENVINO = "openvino"
    TORCH = "torch"

    @property
    def suffix(self) -> str:
        """What the file ends in that programs are given."""
        return {"onnx": ".onnx", "openvino": ".xml", "torch": ".pt2"}[self]


class Takes(StrEnum):
    """Which batches an exported network takes; sides are multiples of the model's stride."""

    ANY_SIZE = "batches of any number and size"
    ANY_NUMBER = "batches of any number, of the model's own size"
    ONE = "one patch at a time, of the model's own size"


class Form(Protocol):
    """Writes one format, and executes what it wrote.

    Attributes:
        beside: Suffix of a second file that belongs to the network's; empty where there is none.
    """

    beside: str

    def write(self, model: Model, path: Path) -> Takes:
        """Write the files, for as many kinds of batches as the network allows; return which.

        Raises:
            CarcinomapError: The network cannot be written in this format.
        """
        ...

    def open(self, path: Path) -> Run:
        """Return what executes a file as its users will.

        Raises:
            CarcinomapError: The file cannot be executed.
        """
        ...
