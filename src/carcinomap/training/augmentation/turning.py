"""Images and labels turned about their centre."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from carcinomap.annotation import IGNORE


def turn(images: Sequence[Tensor], labels: Tensor, angle: Tensor) -> tuple[list[Tensor], Tensor]:
    """Turn all views of a sample by one angle.

    Args:
        images: float (n, 3, side, side), one for each view; all have one centre.
        labels: int64 (n, side, side), of the first view.
        angle: Radians, (n,).

    Returns:
        Images, mirrored at their borders where they do not reach, and labels, ignored there.
    """
    if not angle.any():
        return list(images), labels
    turned = [_turned(image, angle) for image in images]
    # Zero marks what comes from outside, so classes move up by one on the way.
    marked = (labels + 1).unsqueeze(1).to(images[0].dtype)
    moved = grid_sample(marked, _grid(angle, images[0]), mode="nearest", align_corners=False)
    moved = moved.squeeze(1).long()
    return turned, torch.where(moved == 0, IGNORE, moved - 1)


def _turned(image: Tensor, angle: Tensor) -> Tensor:
    # Cubic: linear interpolation takes half of the power of details below three pixels, and the
    # network would learn from softer images than it is to map.
    turned: Tensor = grid_sample(
        image,
        _grid(angle, image),
        mode="bicubic",
        padding_mode="reflection",
        align_corners=False,
    )
    return turned.clamp(0, 1)


def _grid(angle: Tensor, image: Tensor) -> Tensor:
    """Return where each pixel comes from, -1 to 1 from border to border, (n, side, side, 2).

    Pixel by pixel, with no matrix product, whose sums depend on the size of the batch.
    """
    side = image.shape[-1]
    along = (torch.arange(side, device=image.device) + 0.5) * (2 / side) - 1
    x, y = along.view(1, 1, side), along.view(1, side, 1)
    cosine, sine = (f.view(-1, 1, 1).to(image.device) for f in (angle.cos(), angle.sin()))
    return torch.stack([cosine * x - sine * y, sine * x + cosine * y], dim=-1)
