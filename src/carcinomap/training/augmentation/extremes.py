"""The strongest that a variation ever does, one effect at a time."""

from collections.abc import Sequence

import numpy as np

from carcinomap.training.augmentation import variation as v
from carcinomap.training.augmentation.changes import Changes

TURN = 45  # degrees that are shown of larger turns: here the corners reach farthest outside

Numbers = list[tuple[int | slice, float | Sequence[float]]]
"""Which of a sample's random numbers are not neutral, and what they are."""


def extremes(variation: v.Variation) -> dict[str, Changes]:
    """Return the strongest changes of one sample, by a few words each; not of what is off."""
    turn = min(TURN, variation.rotation)
    share = turn / variation.rotation if turn else 0.0
    bluer, pinker = (1, 0, 0.5), (0, 1, 0.5)
    found: list[tuple[float, str, Numbers]] = [
        (turn, f"turned {turn:g}°", [(v.TURN, 0.5 + share / 2)]),
        (variation.stain, "more haematoxylin", [(v.STAINS, bluer), (v.STAIN_SHIFT, bluer)]),
        (variation.stain, "more eosin", [(v.STAINS, pinker), (v.STAIN_SHIFT, pinker)]),
        (variation.brightness, "darker", [(v.LIGHT, 0)]),
        (variation.brightness, "brighter", [(v.LIGHT, 1)]),
        (variation.blur, f"blurred, σ {v.SIGMA[1]:g} px", [(v.BLUR, 0), (v.BLUR_SIGMA, 1)]),
        (variation.jpeg, f"JPEG, quality {v.QUALITY[0]}", [(v.JPEG, 0), (v.JPEG_QUALITY, 0)]),
    ]
    return {
        words: _changes(variation, numbers) for strength, words, numbers in found if strength > 0
    }


def _changes(variation: v.Variation, numbers: Numbers) -> Changes:
    uniform = np.full((1, v.NUMBERS), 0.5)
    uniform[:, [v.BLUR, v.JPEG]] = 1
    for place, value in numbers:
        uniform[:, place] = value
    return variation.changes(uniform)
