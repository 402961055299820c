"""More or less of each stain, and other light."""

from collections.abc import Sequence

import torch
from torch import Tensor

# Haematoxylin, eosin and what is left, as optical densities of red, green and blue:
# Ruifrok and Johnston, Anal. Quant. Cytol. Histol. 23 (2001), as normalised vectors.
STAINS = torch.tensor([[0.650, 0.704, 0.286], [0.072, 0.990, 0.105], [0.268, 0.570, 0.776]])
DARKEST = 1 / 255  # of the light: below it the optical density is not told apart
STAINED = 0.15  # difference of optical densities from which on a pixel is surely stained


def recolour(
    images: Sequence[Tensor], stains: Tensor, shift: Tensor, light: Tensor
) -> list[Tensor]:
    """Vary the amounts of stain (Tellez et al., IEEE TMI 37, 2018) and the light.

    Args:
        images: float (n, 3, h, w) in 0–1, one for each view.
        stains: Factors on haematoxylin, eosin and what is left, (n, 3).
        shift: What is added to their amounts, (n, 3).
        light: Factors on red, green and blue, (n, 3).
    """
    if (stains == 1).all() and not shift.any():
        if (light == 1).all():
            return list(images)
        return [(image * _pixelwise(light, image)).clamp(0, 1) for image in images]
    to_density = (STAINS / STAINS.norm(dim=1, keepdim=True)).double()
    to_stain = torch.linalg.inv(to_density)
    # Densities → stains, changed → densities again: one 3 × 3 matrix and one row a sample.
    change = ((to_stain * (stains.double()[:, None] - 1)) @ to_density).float()
    offset = (shift.double() @ to_density).float()
    return [_recoloured(image, change, offset, light) for image in images]


def _recoloured(image: Tensor, change: Tensor, offset: Tensor, light: Tensor) -> Tensor:
    """Return one view of a batch with ``density @ change + offset`` more of stain, relit."""
    density = -image.clamp(min=DARKEST).log()
    more = _pixelwise(offset, image)
    # Channel by channel: the sums of a matrix product depend on the size of the batch.
    for channel in range(3):
        more = more + density[:, channel : channel + 1] * _pixelwise(change[:, channel], image)
    # Glass has no stain to vary: the change fades out where the light is white or grey.
    densest, thinnest = density.amax(dim=1, keepdim=True), density.amin(dim=1, keepdim=True)
    stained = ((densest - thinnest) / STAINED).clamp(max=1)
    return ((-density - stained * more).exp() * _pixelwise(light, image)).clamp(0, 1)


def _pixelwise(values: Tensor, image: Tensor) -> Tensor:
    """Return (n, 3) as (n, 3, 1, 1) beside the image."""
    return values[:, :, None, None].to(image.device)
