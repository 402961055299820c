"""Variation of a batch on the device, every sample by itself.

What happens to a sample is drawn from (seed, step, sample) alone: batches may be cut up, spread
over devices and replayed, and every sample still looks the same.
"""

from carcinomap.training.augmentation.augmentation import Augmentation, varied
from carcinomap.training.augmentation.changes import Changes
from carcinomap.training.augmentation.variation import Variation, draw

__all__ = ["Augmentation", "Changes", "Variation", "draw", "varied"]
