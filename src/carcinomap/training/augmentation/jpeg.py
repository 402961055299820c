"""What JPEG compression leaves of an image, computed on the device it is on."""

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pixel_shuffle, pixel_unshuffle

BLOCK = 8  # side, in pixels

# ITU-T T.81, annex K: by how much waves are divided at quality 50, rows by columns of a block.
LUMINANCE = torch.tensor(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
CHROMINANCE = torch.full((BLOCK, BLOCK), 99)
CHROMINANCE[:4, :4] = torch.tensor(
    [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
)
# ITU-T T.871 (JFIF): brightness, blue and red difference of red, green and blue.
TO_YCC = torch.tensor(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
)
TO_RGB = TO_YCC.inverse()


def compressed(image: Tensor, quality: float) -> Tensor:
    """Return an image as it comes back from a JPEG file of half the resolution in colour.

    Args:
        image: float (3, h, w) in 0–1; sides are multiples of 16.
        quality: 1–100, on the scale of the Independent JPEG Group.
    """
    ycc = torch.einsum("dc,chw->dhw", TO_YCC.to(image.device), image * 255).unsqueeze(1)
    luma = _quantised(ycc[:1] - 128, table(LUMINANCE, quality)) + 128
    chroma = _quantised(avg_pool2d(ycc[1:], 2), table(CHROMINANCE, quality))
    chroma = interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)
    ycc = torch.cat([luma, chroma]).squeeze(1)
    return (torch.einsum("cd,dhw->chw", TO_RGB.to(image.device), ycc) / 255).clamp(0, 1)


def table(base: Tensor, quality: float) -> Tensor:
    """Return a table of quality 50 at another quality, (8, 8)."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return ((base * percent + 50) / 100).floor().clamp(1, 255)


def _quantised(planes: Tensor, divisors: Tensor) -> Tensor:
    """Return planes (n, 1, h, w) with the waves of each block rounded to multiples."""
    waves = _waves().to(planes.device)
    divisors = divisors.view(-1, 1, 1).to(planes.device)
    blocks = pixel_unshuffle(planes, BLOCK)
    amounts = torch.einsum("wp,nphv->nwhv", waves, blocks) / divisors
    blocks = torch.einsum("wp,nwhv->nphv", waves, amounts.round() * divisors)
    return pixel_shuffle(blocks, BLOCK)


def _waves() -> Tensor:
    """Return the discrete cosine transform of a block: (64 waves, 64 pixels), orthonormal."""
    place = torch.arange(BLOCK)
    cosines = (math.pi / BLOCK * (place + 0.5) * place[:, None]).cos() * math.sqrt(2 / BLOCK)
    cosines[0] /= math.sqrt(2)
    return torch.kron(cosines, cosines)
