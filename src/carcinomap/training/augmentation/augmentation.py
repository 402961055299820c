"""Variation of a batch: drawn for each sample by itself, done to all views of it alike."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from carcinomap.training.augmentation.changes import Changes
from carcinomap.training.augmentation.colour import recolour
from carcinomap.training.augmentation.jpeg import compressed
from carcinomap.training.augmentation.sharpness import blurred
from carcinomap.training.augmentation.turning import turn
from carcinomap.training.augmentation.variation import Variation, draw


class Augmentation:
    """Turns samples, varies their stain and light, blurs and compresses some of them.

    What happens to a sample depends on (seed, step, sample) alone, not on the batch or device it
    is in.

    Args:
        variation: How strongly.
        seed: Seed of the whole run.
    """

    def __init__(self, variation: Variation, seed: int) -> None:
        self._variation = variation
        self._seed = seed

    def __call__(
        self, images: Sequence[Tensor], labels: Tensor, samples: Sequence[int], step: int
    ) -> tuple[list[Tensor], Tensor]:
        """Return varied copies, all views of a sample varied alike.

        Args:
            images: float (n, 3, side, side) in 0–1, one for each view; all have one centre. Sides
                are multiples of 16.
            labels: int64 (n, side, side), of the first view.
            samples: Number of each sample within the step, over all devices.
            step: The training step.

        Returns:
            Images and labels of the same shapes; labels that came from outside are ignored.
        """
        return varied(images, labels, draw(self._variation, self._seed, step, samples))


def varied(
    images: Sequence[Tensor], labels: Tensor, changes: Changes
) -> tuple[list[Tensor], Tensor]:
    """Do what was drawn, in the order in which it happens to a slide: glass, lamp, lens, file."""
    # Half precision, where training asks for it, is too coarse for the waves of JPEG.
    with torch.autocast(labels.device.type, enabled=False):
        turned, labels = turn(images, labels, changes.angle)
        coloured = recolour(turned, changes.stains, changes.stain_shift, changes.light)
        soft = [_some(image, changes.sigma, blurred) for image in coloured]
        return [_some(image, changes.quality, compressed) for image in soft], labels


def _some(image: Tensor, values: Tensor, effect: Callable[[Tensor, float], Tensor]) -> Tensor:
    """Return a view of a batch (n, 3, h, w), an effect on each sample whose value is not 0."""
    chosen = values.nonzero().flatten().tolist()
    if not chosen:
        return image
    image = image.clone()
    for sample in chosen:
        image[sample] = effect(image[sample], float(values[sample]))
    return image
