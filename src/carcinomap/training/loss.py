"""The loss: cross-entropy and Dice, blind to ignored pixels."""

import torch
from segmentation_models_pytorch.losses import DiceLoss
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from carcinomap.annotation import IGNORE


class SegmentationLoss(nn.Module):
    """``(1 - dice) · cross-entropy + dice · Dice loss``.

    Args:
        dice: Share of the Dice loss (Milletari et al., 3DV 2016, averaged over the classes).
    """

    def __init__(self, dice: float) -> None:
        super().__init__()
        self._share = dice
        self._dice = DiceLoss("multiclass", ignore_index=IGNORE, smooth=1.0)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of logits (n, classes, h, w) against class indices (n, h, w)."""
        counted = (labels != IGNORE).sum().clamp(min=1)
        # "sum" and a division of our own: the mean over no pixel at all would be NaN.
        entropy = cross_entropy(logits, labels, ignore_index=IGNORE, reduction="sum") / counted
        if self._share == 0:
            return entropy
        dice: Tensor = self._dice(logits, labels)
        return torch.lerp(entropy, dice, self._share)
