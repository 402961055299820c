"""From pixels to probabilities: what every runtime executes, whatever executes it."""

import torch
from torch import Tensor, nn

from carcinomap.model.merged_upsampling import for_inference
from carcinomap.model.spec import Model


class Probabilities(nn.Module):
    """A network between its preprocessing and a softmax: uint8 views in, probabilities out.

    The network is a copy: the model it came from stays as it is, where it is.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.network = for_inference(model.network)
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
