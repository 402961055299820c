"""Slides that are out of focus."""

import math

from torch import Tensor
from torchvision.transforms.functional import gaussian_blur


def blurred(image: Tensor, sigma: float) -> Tensor:
    """Return an image (3, h, w) under a Gaussian of ``sigma`` pixels."""
    reach = math.ceil(3 * sigma)
    soft: Tensor = gaussian_blur(image, [2 * reach + 1] * 2, [sigma, sigma])
    return soft
