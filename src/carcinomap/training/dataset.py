"""From a key to what a network sees there, and the labels."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from carcinomap.annotation import IGNORE, ClassScheme
from carcinomap.cohort import Case, PatchKey, PatchSource, SlideStore
from carcinomap.slide import View

Patch = tuple[tuple[Tensor, ...], Tensor]
"""The images of a place, one for each view, and the labels of the first."""


class PatchDataset(Dataset[Patch]):
    """Resolves keys; each worker process opens the few slides that it needs.

    Args:
        cases: The cohort's cases; ``PatchKey.case`` counts in them.
        sources: What is known of the cases that keys may name.
        scheme: The classes.
        views: What the network sees; the first is the patch that has labels.
        teaching: What becomes of bare glass. To teach, it is class 0, and where it was outlined
            (a stroke that strays off the tissue, a scan that ends within a lesion) it is ignored.
            To score, as everywhere, it counts where it was outlined and only there.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        sources: Iterable[PatchSource],
        scheme: ClassScheme,
        views: Sequence[View],
        teaching: bool,
    ) -> None:
        self._slides = SlideStore(cases)
        self._sources = {source.case: source for source in sources}
        self._scheme = scheme
        self._views = views
        self._teaching = teaching

    def __getitem__(self, key: PatchKey) -> Patch:
        """Return an image for each view, uint8 (3, size, size), and the first's class indices.

        The indices are int64 (size, size); beyond the slide, and beyond what its source is limited
        to, they are ``IGNORE``. Key's orientation and scale are those of every view.
        """
        slide = self._slides[key.case]
        images = (view.read(slide, key.x, key.y, key.scale) for view in self._views)
        turned_images = (turned(image, key.orientation).transpose(2, 0, 1) for image in images)
        label = turned(self._label(key), key.orientation)
        return (
            tuple(torch.from_numpy(np.ascontiguousarray(image)) for image in turned_images),
            torch.from_numpy(np.ascontiguousarray(label, np.int64)),
        )

    def _label(self, key: PatchKey) -> NDArray[np.uint8]:
        source, view = self._sources[key.case], self._views[0]
        mpp, size = view.mpp * key.scale, view.size
        ratio = mpp / source.mpp
        left, top = view.corner(source.mpp, key.x, key.y, key.scale)
        label = source.annotations.label_image(left, top, size, size, ratio, self._scheme)
        # Beside a strip that validates lies what has taught.
        bounds = source.bounds
        inside = _inside(left, ratio, size, bounds.left, bounds.right)
        inside = _inside(top, ratio, size, bounds.top, bounds.bottom)[:, None] & inside
        tissue = source.tissue.window(left, top, size, size, mpp)
        inside &= tissue | ((label == 0) if self._teaching else (label > 0))
        return np.where(inside, label, np.uint8(IGNORE))


def _inside(start: float, step: float, count: int, low: float, high: float) -> NDArray[np.bool_]:
    """Say which pixels' centres lie between two bounds, along one axis."""
    centre = start + (np.arange(count) + 0.5) * step
    return (centre >= low) & (centre < high)


def turned(array: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """View an image or label (rows, columns, …) in one of the eight orientations of a square."""
    if orientation >= 4:
        array = array[:, ::-1]
    return np.rot90(array, orientation % 4)
