"""The running mean of the weights, which validates and is kept."""

from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor


class RunningMean(WeightAveraging):
    """Averages the weights exponentially (Polyak averaging), over fewer steps in the beginning.

    Args:
        decay: By which older weights count less, for every step.
    """

    def __init__(self, decay: float) -> None:
        super().__init__(use_buffers=True, avg_fn=self._averaged)
        self._decay = decay

    def _averaged(self, mean: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        # Without it, the random weights of the beginning would stay in the mean for long.
        decay = min(self._decay, (1 + int(count)) / (10 + int(count)))
        return mean * decay + current * (1 - decay)
