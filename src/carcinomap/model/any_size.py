"""A converted network for tiles of any size, where its graph allows that.

A graph is traced at one size. In many networks no size becomes part of it: then the same graph
computes the same function at any other. Whether that holds is seen by trying, and need not be where
a network has several views: what places one in the other is computed for a size.
"""

from collections.abc import Sequence

import numpy as np
import torch

from carcinomap.model.probabilities import Probabilities
from carcinomap.model.quiet_openvino import CORE, openvino
from carcinomap.model.spec import ModelSpec

TRIED = ((2, 3, 5), (1, 4, 2))  # tiles in a batch, height and width in strides
ALIKE = 1e-4  # largest difference of probabilities; rounding gives 1e-6


def of_any_size(network: openvino.Model, module: Probabilities, spec: ModelSpec) -> openvino.Model:
    """Return the network for batches of any number, height and width, or else as it is.

    Args:
        network: Converted for fixed shapes.
        module: What it was converted from.
        spec: Of the model, which has one view.
    """
    free = network.clone()
    try:
        reshape(free, [(-1, -1, -1, 3)])
        compiled = CORE.compile_model(free, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        sizes = [
            (count, rows * spec.stride, columns * spec.stride) for count, rows, columns in TRIED
        ]
        alike = all(_alike(compiled, module, *size) for size in sizes)
    except RuntimeError:  # sizes in the graph contradict each other
        alike = False
    return free if alike else network


def reshape(network: openvino.Model, shapes: Sequence[Sequence[int]]) -> None:
    """Give the inputs these shapes; −1 stands for any number."""
    network.reshape(
        {
            port: openvino.PartialShape(list(shape))
            for port, shape in zip(network.inputs, shapes, strict=True)
        }
    )


def _alike(
    compiled: openvino.CompiledModel, module: Probabilities, count: int, height: int, width: int
) -> bool:
    """Return whether both give the same probabilities for random pixels of a size."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, height, width, 3), np.uint8)
    with torch.inference_mode():
        wanted = module(torch.from_numpy(pixels)).numpy()
    found = compiled([pixels])[0]
    return found.shape == wanted.shape and bool(np.abs(found - wanted).max() < ALIKE)
