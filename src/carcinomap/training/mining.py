"""Finding where a network takes normal tissue for something else, so that it sees more of it."""

from collections.abc import Callable, Sequence

from torch import Tensor
from torch.utils.data import DataLoader

from carcinomap.cohort import HardPlaces, PatchKey
from carcinomap.training.dataset import PatchDataset

Predict = Callable[[Sequence[Tensor]], Tensor]
"""From uint8 images (n, 3, size, size), one for each view, to class indices (n, size, size)."""


def mine(
    predict: Predict,
    dataset: PatchDataset,
    candidates: Sequence[PatchKey],
    batch: int = 8,
    workers: int = 0,
) -> HardPlaces:
    """Look at patches of class 0 and keep the places where a network sees another class.

    Args:
        predict: The network.
        dataset: Resolves the keys.
        candidates: Where to look, as ``PatchSampler.candidates`` draws them.
        batch: Patches that the network looks at together.
        workers: Processes that read patches.

    Returns:
        The centres of those patches, each with the share of its pixels of class 0 that were
        taken for something else.
    """
    batches = [list(candidates[i : i + batch]) for i in range(0, len(candidates), batch)]
    loader = DataLoader(dataset, batch_sampler=batches, num_workers=workers)
    weights: list[float] = []
    for images, labels in loader:
        predicted = predict(images).to(labels.device)
        normal = labels == 0
        wrong = (normal & (predicted != 0)).sum(dim=(1, 2))
        weights += (wrong / normal.sum(dim=(1, 2)).clamp(min=1)).tolist()
    found = zip(candidates, weights, strict=True)
    return HardPlaces(tuple((key.case, key.x, key.y, weight) for key, weight in found if weight))
