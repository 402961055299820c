"""The running mean of the weights, which validates and is kept."""

import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor


class RunningMean(WeightAveraging):
    """Averages the weights exponentially (Polyak averaging), over fewer steps in the beginning.

    Args:
        decay: By which older weights count less, for every step.
    """

    def __init__(self, decay: float) -> None:
        super().__init__(use_buffers=True, multi_avg_fn=self._average)
        self._decay = decay

    def _average(self, means: list[Tensor], current: list[Tensor], count: Tensor | int) -> None:
        """Bring the means of tensors of one type up to date, all at once: a GPU waits but once."""
        steps = int(count)
        # Without it, the random weights of the beginning would stay in the mean for long.
        decay = min(self._decay, (1 + steps) / (10 + steps))
        if means[0].is_floating_point():
            torch._foreach_mul_(means, decay)
            torch._foreach_add_(means, current, alpha=1 - decay)
        else:  # a count of batches
            torch._foreach_copy_(means, current)
