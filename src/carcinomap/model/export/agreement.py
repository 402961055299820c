"""Whether an exported network does what the model does."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from carcinomap.model.export.forms import Run
from carcinomap.model.export.network import FromPixels
from carcinomap.model.runtime import Views
from carcinomap.model.spec import Model

TOLERATED = 1e-3  # difference of probabilities; rounding gives 1e-5


@dataclass(frozen=True)
class Agreement:
    """How far an exported network and its model are apart.

    Attributes:
        patches: Looked at.
        pixels: In them.
        largest_difference: Of any probability; infinite where the shapes or values are useless.
        differing_share: Of the pixels whose likeliest class is another.
    """

    patches: int
    pixels: int
    largest_difference: float
    differing_share: float

    @property
    def good(self) -> bool:
        """Whether the exported network may be used in the model's place."""
        return self.largest_difference <= TOLERATED

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def agreement(run: Run, model: Model, batches: Sequence[Views]) -> Agreement:
    """Compare an exported network with its model on the same pixels."""
    module = FromPixels(model)
    largest, differing, pixels = 0.0, 0, 0
    for views in batches:
        wanted = probabilities(module, views)
        found = run(views)
        count = wanted.size // wanted.shape[1]
        pixels += count
        if found.shape != wanted.shape or not np.isfinite(found).all():
            largest, differing = np.inf, differing + count
            continue
        largest = max(largest, float(np.abs(found - wanted).max()))
        differing += int(np.count_nonzero(found.argmax(axis=1) != wanted.argmax(axis=1)))
    patches = sum(len(views[0]) for views in batches)
    return Agreement(patches, pixels, largest, differing / pixels)


@torch.inference_mode()
def probabilities(module: torch.nn.Module, views: Views) -> NDArray[np.float32]:
    """Run a module that takes float pixels, channels first, on uint8 views (n, h, w, 3)."""
    result = module(*(torch.from_numpy(view).permute(0, 3, 1, 2).float() for view in views))
    array: NDArray[np.float32] = result.numpy()
    return array
