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
        focal: Exponent γ of the factor (1 - p)^γ on the cross-entropy of a pixel whose class has
            the probability p (Lin et al., "Focal loss for dense object detection", ICCV 2017).
        smoothing: Share of the truth that is spread over all classes (Szegedy et al., CVPR 2016);
            in the cross-entropy alone.
        weights: Of the classes' pixels in the cross-entropy; None for equal ones.
        shift: What is added to the logits of each class where the network learns, (classes,), for
            classes are not as common in what it learns from as where it is used (Menon et al.,
            "Long-tail learning via logit adjustment", ICLR 2021); None for nothing.
    """

    weights: Tensor | None
    shift: Tensor | None

    def __init__(
        self,
        dice: float,
        focal: float = 0.0,
        smoothing: float = 0.0,
        weights: Tensor | None = None,
        shift: Tensor | None = None,
    ) -> None:
        super().__init__()
        self._share = dice
        self._focal = focal
        self._smoothing = smoothing
        self._dice = DiceLoss("multiclass", ignore_index=IGNORE, smooth=1.0)
        self.register_buffer("weights", weights, persistent=False)
        self.register_buffer("shift", shift, persistent=False)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of logits (n, classes, h, w) against class indices (n, h, w)."""
        if self.shift is not None and self.training:
            logits = logits + self.shift.view(1, -1, 1, 1)
        entropy = self._entropy(logits, labels)
        if self._share == 0:
            return entropy
        dice: Tensor = self._dice(logits, labels)
        return torch.lerp(entropy, dice, self._share)

    def _entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        counted = labels != IGNORE
        weights = self.weights
        of_pixel = cross_entropy(
            logits,
            labels,
            weight=weights,
            ignore_index=IGNORE,
            reduction="none",
            label_smoothing=self._smoothing,
        )
        if self._focal:
            truth = labels.where(counted, 0).unsqueeze(1)
            right = logits.softmax(dim=1).gather(1, truth).squeeze(1)
            # The slope of a power below 1 has no end at 0.
            of_pixel = of_pixel * (1 - right).clamp(min=1e-6) ** self._focal
        share = counted if weights is None else weights[labels.where(counted, 0)] * counted
        # A division of our own: the mean over no pixel at all would be NaN.
        return of_pixel.sum() / share.sum().clamp(min=1e-6)


def balanced_weights(areas: Tensor) -> Tensor:
    """Return weights that let the pixels of rare classes count more, float (classes,).

    The median area of a class divided by each one's (Eigen and Fergus, ICCV 2015), at most 10;
    1 for classes that do not occur.

    Args:
        areas: Of each class in what the network learns from, (classes,).
    """
    present = areas > 0
    weights = torch.ones(len(areas))
    if present.any():
        weights[present] = areas[present].median() / areas[present].float()
    return weights.clamp(max=10.0)
