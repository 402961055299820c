"""What is settled before a training begins."""

import math
from dataclasses import dataclass

from carcinomap.annotation import ClassScheme
from carcinomap.slide import View
from carcinomap.training.batches import Division
from carcinomap.training.settings import DEFAULT_STEPS, TrainingSettings


@dataclass(frozen=True)
class Plan:
    """How a training goes.

    Attributes:
        scheme: The classes.
        settings: As they were asked for.
        views: What the network sees of a patch.
        division: Of a step's patches.
        steps: Length of the training, or None where only the time limits it.
    """

    scheme: ClassScheme
    settings: TrainingSettings
    views: tuple[View, ...]
    division: Division
    steps: int | None

    @property
    def interval(self) -> int:
        """Steps between two validations."""
        return self.settings.validate_every or max(1, min(200, (self.steps or 1000) // 10))


def length(settings: TrainingSettings, tissue_mm2: float, batch: int) -> int | None:
    """Return the number of steps, or None where only the time limits them.

    Args:
        settings: How long the training is to be.
        tissue_mm2: What it draws from.
        batch: Patches of a step.
    """
    if settings.steps is not None:
        return settings.steps
    if settings.epochs is not None:
        patch_mm2 = (settings.patch * settings.mpp) ** 2 / 1e6
        return max(1, math.ceil(tissue_mm2 / patch_mm2 * settings.epochs / batch))
    return None if settings.minutes is not None else DEFAULT_STEPS
