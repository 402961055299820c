"""How common classes are in tissue, and in the patches that are drawn from it.

Patches are drawn so that rare classes are learned as well as common ones. A network that sees
nothing but patches takes rare ones to be as common as that, and sees them where they are not.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from carcinomap.annotation import IGNORE, ClassScheme
from carcinomap.cohort import PatchSampler, PatchSource
from carcinomap.slide import View

PATCHES = 512  # that are looked at
SIDE = 32  # of the grid that is laid over each
LARGEST = 100.0  # of how many times as common a class is in patches


def area_in_patches(
    sources: Sequence[PatchSource],
    scheme: ClassScheme,
    sampler: PatchSampler,
    view: View,
    glass: bool = False,
) -> Tensor:
    """Return the area of tissue of each class in the first patches, in µm², float (classes,).

    Args:
        sources: What patches are drawn from.
        scheme: The classes.
        sampler: Draws them.
        view: The patch.
        glass: Count bare glass, too, which is taught as class 0 where nobody outlined it.
    """
    by_case = {source.case: source for source in sources}
    areas = np.zeros(len(scheme))
    for key in sampler.batch(0, PATCHES):
        source = by_case[key.case]
        left, top = view.corner(source.mpp, key.x, key.y, key.scale)
        mpp = view.mpp * key.scale * view.size / SIDE
        areas += _areas(source, scheme, (left, top, SIDE, SIDE), mpp, glass)
    return torch.from_numpy(areas).float()


def area_in_tissue(sources: Sequence[PatchSource], scheme: ClassScheme) -> Tensor:
    """Return the area of tissue of each class in all sources, in µm², float (classes,).

    A class that was outlined in a source has at least the area of a pixel of its tissue mask.
    """
    areas = np.zeros(len(scheme))
    for source in sources:
        rows, columns = source.tissue.shape
        found = _areas(source, scheme, (0.0, 0.0, columns, rows), source.tissue.mpp)
        outlined = source.annotations.areas(scheme)
        missed = (found == 0) & np.array([outlined[name] > 0 for name in scheme.names])
        areas += np.where(missed, source.tissue.mpp**2, found)
    return torch.from_numpy(areas).float()


def prior_shift(in_patches: Tensor, in_tissue: Tensor) -> Tensor:
    """Return by how much patches raise the logit of each class, float (classes,).

    That is the logarithm of a class's share of the patches over its share of the tissue: logits
    that are right for tissue are higher by this in patches (Saerens et al., Neural Computation 14,
    2002). 0 for a class that is not in both.

    Args:
        in_patches: Area of each class, (classes,).
        in_tissue: Likewise.
    """
    known = (in_patches > 0) & (in_tissue > 0)
    ratio = (in_patches / in_patches.sum()) / (in_tissue / in_tissue.sum())
    return ratio.clamp(1 / LARGEST, LARGEST).log().where(known, 0.0)


def _areas(
    source: PatchSource,
    scheme: ClassScheme,
    window: tuple[float, float, int, int],
    mpp: float,
    glass: bool = False,
) -> NDArray[np.float64]:
    """Return the area of each class in a window of pixels of ``mpp``, in µm²."""
    labels = source.annotations.label_image(*window, mpp / source.mpp, scheme)
    tissue = source.tissue.window(*window, mpp)
    counted = (tissue | (glass & (labels == 0))) & (labels != IGNORE)
    counts = np.bincount(labels[counted], minlength=len(scheme)).astype(np.float64)
    return np.asarray(counts * mpp**2)
