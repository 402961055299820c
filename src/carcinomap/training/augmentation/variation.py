"""How strongly samples vary, and what each of them gets."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from carcinomap.training.augmentation.changes import Changes
from carcinomap.training.settings import TrainingSettings

STREAM = 1  # of random numbers; the sampler draws keys from the same (seed, step, sample)
SHIFT = 0.3  # of the amount of a stain, against a factor of the same strength
TINT = 0.3  # of the light, against its brightness
SIGMA = (0.3, 1.5)  # of the blur, in pixels
QUALITY = (30, 90)  # of JPEG: slides come with 70 to 90, old ones with as little as 30

# Which of a sample's random numbers decides what.
TURN = 0
STAINS = slice(1, 4)
STAIN_SHIFT = slice(4, 7)
LIGHT = slice(7, 8)
LIGHT_TINT = slice(8, 11)
BLUR, BLUR_SIGMA = 11, 12
JPEG, JPEG_QUALITY = 13, 14
NUMBERS = 15


@dataclass(frozen=True)
class Variation:
    """How strongly samples vary; 0 leaves that out.

    Attributes:
        rotation: Largest turn in degrees.
        stain: Largest change of the amounts of stain, as a share of them.
        brightness: Largest change of the light, as a share of it.
        blur: Share of the samples that are blurred.
        jpeg: Share of the samples that are compressed.
    """

    rotation: float = 0.0
    stain: float = 0.0
    brightness: float = 0.0
    blur: float = 0.0
    jpeg: float = 0.0

    @classmethod
    def of(cls, settings: TrainingSettings) -> "Variation":
        """Return what the settings of a run ask for."""
        return cls(
            settings.rotation,
            settings.stain,
            settings.brightness,
            settings.blur,
            settings.jpeg,
        )

    def changes(self, uniform: NDArray[np.float64]) -> Changes:
        """Return what happens to samples whose random numbers, 0 to 1, are (n, ``NUMBERS``).

        One half is no change, and neither is 1 for ``BLUR`` and ``JPEG``, which are chances.
        """
        signed = 2 * uniform - 1
        light = 1 + self.brightness * signed[:, LIGHT]
        tint = 1 + TINT * self.brightness * signed[:, LIGHT_TINT]
        values = (
            signed[:, TURN] * math.radians(self.rotation),
            1 + self.stain * signed[:, STAINS],
            SHIFT * self.stain * signed[:, STAIN_SHIFT],
            light * tint,
            _sometimes(self.blur, uniform[:, BLUR], uniform[:, BLUR_SIGMA], SIGMA),
            _sometimes(self.jpeg, uniform[:, JPEG], uniform[:, JPEG_QUALITY], QUALITY),
        )
        return Changes(*(torch.from_numpy(value).float() for value in values))


def draw(variation: Variation, seed: int, step: int, samples: Sequence[int]) -> Changes:
    """Draw what happens to samples, each by its number within the step.

    Another strength of one effect does not move what is drawn for the others.

    Args:
        variation: How strongly.
        seed: Seed of the run.
        step: The training step.
        samples: Numbers of the samples in the step, over all devices.
    """
    return variation.changes(np.stack([_numbers(seed, step, int(sample)) for sample in samples]))


def _numbers(seed: int, step: int, sample: int) -> NDArray[np.float64]:
    stream = np.random.SeedSequence((seed, step, sample), spawn_key=(STREAM,))
    return np.random.default_rng(stream).random(NUMBERS)


def _sometimes(
    share: float,
    chance: NDArray[np.float64],
    place: NDArray[np.float64],
    extent: tuple[float, float],
) -> NDArray[np.float64]:
    """Return a value within ``extent`` for a share of the samples, 0 for the others."""
    low, high = extent
    return np.where(chance < share, low + (high - low) * place, 0.0)
