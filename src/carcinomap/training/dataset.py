"""From a key to an image and its labels."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from carcinomap.annotation import IGNORE, ClassScheme
from carcinomap.cohort import Case, PatchKey, PatchSource, SlideStore
from carcinomap.slide import View


class PatchDataset(Dataset[tuple[Tensor, Tensor]]):
    """Resolves keys; each worker process opens the few slides that it needs.

    Args:
        cases: The cohort's cases; ``PatchKey.case`` counts in them.
        sources: What is known of the cases that keys may name, by case index.
        scheme: The classes.
        view: The patch.
        teaching: What becomes of bare glass. To teach, it is class 0, and where it was outlined
            (a stroke that strays off the tissue, a scan that ends within a lesion) it is ignored.
            To score, as everywhere, it counts where it was outlined and only there.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        sources: dict[int, PatchSource],
        scheme: ClassScheme,
        view: View,
        teaching: bool,
    ) -> None:
        self._slides = SlideStore(cases)
        self._sources = sources
        self._scheme = scheme
        self._view = view
        self._teaching = teaching

    def __getitem__(self, key: PatchKey) -> tuple[Tensor, Tensor]:
        """Return the image, uint8 (3, size, size), and the class indices, int64 (size, size)."""
        slide = self._slides[key.case]
        image = self._view.read(slide, key.x, key.y, key.scale)
        label = self._label(key)
        image, label = (turned(array, key.orientation) for array in (image, label))
        return (
            torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))),
            torch.from_numpy(label.astype(np.int64)),
        )

    def _label(self, key: PatchKey) -> NDArray[np.uint8]:
        source, size = self._sources[key.case], self._view.size
        mpp = self._view.mpp * key.scale
        ratio = mpp / source.mpp
        left, top = self._view.corner(source.mpp, key.x, key.y, key.scale)
        label = source.annotations.label_image(left, top, size, size, ratio, self._scheme)
        inside = _inside(left, ratio, size, source.width)
        inside = _inside(top, ratio, size, source.height)[:, None] & inside
        tissue = source.tissue.window(left, top, size, size, mpp)
        inside &= tissue | ((label == 0) if self._teaching else (label > 0))
        return np.where(inside, label, np.uint8(IGNORE))


def _inside(start: float, step: float, count: int, length: int) -> NDArray[np.bool_]:
    """Say which pixels' centres lie on the slide, along one axis."""
    centre = start + (np.arange(count) + 0.5) * step
    return (centre >= 0) & (centre < length)


def turned(array: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Return an image or label (rows, columns, …) in one of the eight orientations of a square."""
    if orientation >= 4:
        array = array[:, ::-1]
    return np.ascontiguousarray(np.rot90(array, orientation % 4))
