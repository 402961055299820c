"""What is exported: a network between its preprocessing and a softmax."""

import torch
from torch import Tensor, nn

from carcinomap.model.merged_upsampling import for_inference
from carcinomap.model.spec import Model


class FromPixels(nn.Module):
    """RGB of 0 to 255, float32 (n, 3, h, w) for each view → probabilities (n, classes, h, w).

    Channels first and float, as other programs feed networks. The network is a copy of the model's.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.network = for_inference(model.network)
        mean, std = (
            torch.tensor(values).view(1, 3, 1, 1)
            for values in (model.spec.preprocessing.mean, model.spec.preprocessing.std)
        )
        self.register_buffer("mean", 255 * mean)
        self.register_buffer("std", 255 * std)

    def forward(self, *views: Tensor) -> Tensor:
        """Return the probabilities."""
        mean, std = self.get_buffer("mean"), self.get_buffer("std")
        logits: Tensor = self.network(*((view - mean) / std for view in views))
        return logits.float().softmax(dim=1)


def blank_views(model: Model, count: int = 1) -> tuple[Tensor, ...]:
    """Return patches without anything on them, as large as the model's views."""
    return tuple(torch.zeros(count, 3, view.size, view.size) for view in model.spec.views)


def view_names(model: Model) -> list[str]:
    """Return the names of the inputs: ``image``, and ``image2`` and so on for wider views."""
    return ["image", *(f"image{n}" for n in range(2, len(model.spec.views) + 1))]
