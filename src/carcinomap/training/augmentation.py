"""Variation of a batch on the device, every sample by itself."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from carcinomap.annotation import IGNORE

# Haematoxylin, eosin and what is left, as optical densities of red, green and blue:
# Ruifrok and Johnston, Anal. Quant. Cytol. Histol. 23 (2001), as normalised vectors.
STAINS = torch.tensor([[0.650, 0.704, 0.286], [0.072, 0.990, 0.105], [0.268, 0.570, 0.776]])
DARKEST = 1 / 255  # of the light: below it the optical density is not told apart


class Augmentation:
    """Turns, magnifies, and varies the stain of a batch.

    The same (seed, step) gives the same variation on any device.

    Args:
        rotation: Largest turn in degrees.
        stain: Strength of the stain variation.
        seed: Seed of the whole run.
    """

    def __init__(self, rotation: float, stain: float, seed: int) -> None:
        self._rotation = rotation
        self._stain = stain
        self._seed = seed

    def __call__(
        self, images: Sequence[Tensor], labels: Tensor, step: int
    ) -> tuple[list[Tensor], Tensor]:
        """Return varied copies, all views of a sample varied alike.

        Args:
            images: float (n, 3, h, w) in 0–1, one for each view; all have one centre.
            labels: int64 (n, h, w), of the first view.
            step: The training step.

        Returns:
            Images and labels of the same shapes; labels that came from outside are ignored.
        """
        # A seed of its own for every step; the multiplier only keeps runs of near seeds apart.
        random = torch.Generator().manual_seed(self._seed * 1_000_003 + step)
        turned, labels = self._turn(images, labels, random)
        return self._restain(turned, random), labels

    def _turn(
        self, images: Sequence[Tensor], labels: Tensor, random: torch.Generator
    ) -> tuple[list[Tensor], Tensor]:
        if self._rotation == 0:
            return list(images), labels
        angle = _uniform(random, len(labels)) * math.radians(self._rotation)
        cosine, sine, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
        rows = torch.stack([cosine, -sine, zero, sine, cosine, zero], dim=1).view(-1, 2, 3)
        grids = [
            affine_grid(rows, list(image.shape), align_corners=False).to(image.device)
            for image in images
        ]
        turned = [
            grid_sample(image, grid, padding_mode="reflection", align_corners=False)
            for image, grid in zip(images, grids, strict=True)
        ]
        # Zero marks what comes from outside, so classes move up by one on the way.
        marked = (labels + 1).unsqueeze(1).to(images[0].dtype)
        moved = grid_sample(marked, grids[0], mode="nearest", align_corners=False)
        moved = moved.squeeze(1).long()
        return turned, torch.where(moved == 0, IGNORE, moved - 1)

    def _restain(self, images: list[Tensor], random: torch.Generator) -> list[Tensor]:
        """Vary the amounts of stain (Tellez et al., IEEE TMI 37, 2018) and the light."""
        if self._stain == 0:
            return images
        n = len(images[0])
        to_density = STAINS / STAINS.norm(dim=1, keepdim=True)
        factor = 1 + self._stain * _uniform(random, n, 3)
        shift = 0.3 * self._stain * _uniform(random, n, 3)
        light = 1 + 0.3 * self._stain * _uniform(random, n, 3)
        # Densities → stains, scaled → densities again: one 3 × 3 matrix a sample.
        change = torch.linalg.inv(to_density) @ (factor.unsqueeze(2) * to_density)
        offset = shift @ to_density
        change, offset, light = (t.to(images[0].device) for t in (change, offset, light))
        return [_restained(image, change, offset, light) for image in images]


def _restained(image: Tensor, change: Tensor, offset: Tensor, light: Tensor) -> Tensor:
    """Return one view of a batch in optical densities ``density @ change + offset``, relit."""
    density = -image.clamp(min=DARKEST).log()
    # Glass has no stain to vary: the shift fades out where there is none.
    stained = (density.mean(dim=1, keepdim=True) / 0.15).clamp(max=1)
    density = torch.einsum("nchw,ncd->ndhw", density, change)
    density = density + stained * offset[:, :, None, None]
    return ((-density).exp() * light[:, :, None, None]).clamp(0, 1)


def _uniform(random: torch.Generator, *shape: int) -> Tensor:
    """Return numbers between -1 and 1; drawn on the CPU, so that devices agree."""
    return torch.rand(shape, generator=random) * 2 - 1
