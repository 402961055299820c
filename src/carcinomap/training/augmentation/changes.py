"""What happens to each sample of a batch, as plain numbers."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Changes:
    """One number or one row a sample, float32, on the CPU.

    Attributes:
        angle: Turn in radians, (n,).
        stains: Factors on the amounts of haematoxylin, eosin and what is left, (n, 3).
        stain_shift: What is added to these amounts where there is tissue, (n, 3).
        light: Factors on red, green and blue, (n, 3).
        sigma: Of the Gaussian blur, in pixels, (n,); 0 leaves the sample sharp.
        quality: Of the JPEG compression, 1–100, (n,); 0 leaves the sample as it is.
    """

    angle: Tensor
    stains: Tensor
    stain_shift: Tensor
    light: Tensor
    sigma: Tensor
    quality: Tensor

    @classmethod
    def none(cls, count: int) -> "Changes":
        """Return what changes nothing."""
        zero, rows = torch.zeros(count), torch.zeros(count, 3)
        return cls(zero, rows + 1, rows, rows + 1, zero, zero)
