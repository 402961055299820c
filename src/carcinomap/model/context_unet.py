"""A network that sees the same place at two resolutions.

Invasive or in situ is decided by the surroundings of a gland as much as by its cells. So a U-Net
(Ronneberger et al., 2015) reads the fine view, a second encoder reads a view of more tissue in
as many pixels, and what that one saw at the fine view's place joins the U-Net's deepest features
(two branches with one centre: van Rijthoven et al., "HookNet", 2021). The wide branch needs no
decoder, which keeps it cheap: its features are as coarse as those they join, or coarser.
"""

import torch
from segmentation_models_pytorch.base import SegmentationModel
from torch import Tensor, nn


class ContextUnet(nn.Module):
    """Normalised views with one centre, fine and wide, (n, 3, h, w) each → logits of the fine one.

    Args:
        unet: The library's network for the fine view, (n, 3, h, w) → (n, classes, h, w).
        wide: The encoder of the wide view, of the same kind as the network's.
        context: How many times as many microns a pixel of the wide view has.
    """

    def __init__(self, unet: SegmentationModel, wide: nn.Module, context: int) -> None:
        super().__init__()
        self.unet = unet
        self.wide = wide
        self._context = context
        channels: list[int] = unet.encoder.out_channels
        deepest = len(channels) - 1  # stage i has a stride of 2ⁱ
        # Finer stages than those of the join know nothing that the fine view does not see better.
        self._first = next(i for i in range(len(channels)) if 2**i * context >= 2**deepest)
        self.join = nn.Sequential(
            nn.Conv2d(sum(channels[self._first :]), channels[-1], 3, padding=1, bias=False),
            nn.BatchNorm2d(channels[-1]),
        )

    def forward(self, fine: Tensor, wide: Tensor) -> Tensor:
        """Return the logits."""
        *skips, deepest = self.unet.encoder(fine)
        height, width = deepest.shape[-2:]
        pixel = fine.shape[-1] / width / self._context  # of the deepest features, in wide pixels
        seen = [
            centre(stage, height, width, pixel * stage.shape[-1] / wide.shape[-1])
            for stage in self.wide(wide)[self._first :]
        ]
        deepest = deepest + self.join(torch.cat(seen, dim=1))
        logits: Tensor = self.unet.segmentation_head(self.unet.decoder([*skips, deepest]))
        return logits


def centre(features: Tensor, height: int, width: int, pixel: float) -> Tensor:
    """Return the middle of a feature map on a grid of other pixels, linearly interpolated.

    As two products of matrices: exact for any sizes, differentiated the same way on every device,
    and known to every runtime.

    Args:
        features: (n, c, h, w).
        height: Of the result.
        width: Of the result.
        pixel: Side of the result's pixels, in pixels of ``features``; at most 1.

    Returns:
        (n, c, height, width); its centre is that of ``features``.
    """
    # Plain numbers also where a network is traced, which it is for fixed sizes.
    rows = _shares(int(height), int(features.shape[-2]), float(pixel), features)
    columns = _shares(int(width), int(features.shape[-1]), float(pixel), features)
    return rows @ features @ columns.T


def _shares(count: int, length: int, pixel: float, features: Tensor) -> Tensor:
    """Return what each of ``count`` pixels takes from each of ``length`` ones: (count, length)."""
    new, old = (torch.arange(n, device=features.device) for n in (count, length))
    place = (new + 0.5 - count / 2) * pixel + length / 2 - 0.5
    place = place.clamp(0, length - 1)
    return (1 - (place[:, None] - old).abs()).clamp(min=0).to(features.dtype)
