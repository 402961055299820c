"""Variation of a batch on the device, every sample by itself."""

import math

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

    def __call__(self, images: Tensor, labels: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Return varied copies.

        Args:
            images: float (n, 3, h, w) in 0–1.
            labels: int64 (n, h, w).
            step: The training step.

        Returns:
            Images and labels of the same shapes; labels that came from outside are ignored.
        """
        # A seed of its own for every step; the multiplier only keeps runs of near seeds apart.
        random = torch.Generator().manual_seed(self._seed * 1_000_003 + step)
        images, labels = self._turn(images, labels, random)
        return self._restain(images, random), labels

    def _turn(
        self, images: Tensor, labels: Tensor, random: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        if self._rotation == 0:
            return images, labels
        angle = _uniform(random, len(images)) * math.radians(self._rotation)
        cosine, sine, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
        rows = torch.stack([cosine, -sine, zero, sine, cosine, zero], dim=1)
        grid = affine_grid(rows.view(-1, 2, 3), list(images.shape), align_corners=False)
        grid = grid.to(images.device)
        turned = grid_sample(images, grid, padding_mode="reflection", align_corners=False)
        # Zero marks what comes from outside, so classes move up by one on the way.
        marked = (labels + 1).unsqueeze(1).to(images.dtype)
        moved = grid_sample(marked, grid, mode="nearest", align_corners=False).squeeze(1).long()
        return turned, torch.where(moved == 0, IGNORE, moved - 1)

    def _restain(self, images: Tensor, random: torch.Generator) -> Tensor:
        """Vary the amounts of stain (Tellez et al., IEEE TMI 37, 2018) and the light."""
        if self._stain == 0:
            return images
        n = len(images)
        to_density = STAINS / STAINS.norm(dim=1, keepdim=True)
        factor = 1 + self._stain * _uniform(random, n, 3)
        shift = 0.3 * self._stain * _uniform(random, n, 3)
        light = 1 + 0.3 * self._stain * _uniform(random, n, 3)
        # Densities → stains, scaled → densities again: one 3 × 3 matrix a sample.
        change = torch.linalg.inv(to_density) @ (factor.unsqueeze(2) * to_density)
        offset = shift @ to_density
        density = -images.clamp(min=DARKEST).log()
        # Glass has no stain to vary: the shift fades out where there is none.
        stained = (density.mean(dim=1, keepdim=True) / 0.15).clamp(max=1)
        change, offset, light = (t.to(images.device) for t in (change, offset, light))
        density = torch.einsum("nchw,ncd->ndhw", density, change)
        density = density + stained * offset[:, :, None, None]
        return ((-density).exp() * light[:, :, None, None]).clamp(0, 1)


def _uniform(random: torch.Generator, *shape: int) -> Tensor:
    """Return numbers between -1 and 1; drawn on the CPU, so that devices agree."""
    return torch.rand(shape, generator=random) * 2 - 1
