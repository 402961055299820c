"""From pixels to probabilities: what every runtime executes, whatever executes it."""

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from carcinomap.model.spec import Model, ModelSpec


class Probabilities(nn.Module):
    """A network between its preprocessing and a softmax: uint8 views in, probabilities out.

    The network is a copy: the model it came from stays as it is, where it is.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.network = copy.deepcopy(model.network).eval().requires_grad_(False)
        mean, std = (
            torch.tensor(values).view(1, 3, 1, 1)
            for values in (model.spec.preprocessing.mean, model.spec.preprocessing.std)
        )
        # (pixel / 255 - mean) / std as one multiplication and one addition
        self.register_buffer("factor", 1 / (255 * std))
        self.register_buffer("offset", -mean / std)

    def forward(self, *views: Tensor) -> Tensor:
        """Return float32 (n, classes, h, w) for uint8 (n, h, w, 3) of each view."""
        factor, offset = self.get_buffer("factor"), self.get_buffer("offset")
        images = [view.permute(0, 3, 1, 2).float() * factor + offset for view in views]
        logits: Tensor = self.network(*images)
        return logits.float().softmax(dim=1)


def check_views(views: tuple[NDArray[np.uint8], ...], spec: ModelSpec) -> None:
    """Check that a batch fits a model.

    Raises:
        ValueError: It does not; the message names the size to use.
    """
    if len(views) != len(spec.views):
        raise ValueError(f"{len(views)} views, where the model has {len(spec.views)}")
    for view in views:
        if view.dtype != np.uint8 or view.ndim != 4 or view.shape[3] != 3:
            raise ValueError(f"{view.dtype} {view.shape}, where uint8 (n, h, w, 3) is expected")
        sides = view.shape[1:3]
        if any(side == 0 or side % spec.stride for side in sides):
            height, width = (max(1, -(-side // spec.stride)) * spec.stride for side in sides)
            raise ValueError(
                f"height {sides[0]} and width {sides[1]} must be multiples of {spec.stride}; "
                f"use {height} × {width}"
            )
