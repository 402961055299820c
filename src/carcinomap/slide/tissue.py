"""Where the tissue is.

The mask is made at a few microns per pixel from how much light is absorbed relative to the
slide's own glass. Fat is mostly holes: closing bridges them, so that adipose tissue counts.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from carcinomap.slide.slide import Slide

MASK_MPP = 8.0
GLASS_PERCENTILE = 98
GLASS_AT_LEAST = 215  # a field without any glass must not take pale tissue for it
ABSORBED = 0.055  # share of light a pixel must absorb in its darkest channel
BLACK = 20  # pixels darker than this in every channel are scanner filler, not tissue
WHITE = 253  # as light as this, it is filler too, or tells nothing: real glass is a little grey
SMOOTHING_UM = 8.0
BRIDGED_UM = 48.0  # radius: vacuoles of fat up to about 100 µm across
SMALLEST_MM2 = 0.02
LARGEST_HOLE_MM2 = 0.15
MARGIN_UM = 16.0


@dataclass(frozen=True)
class TissueMask:
    """Tissue of one slide.

    Attributes:
        mask: bool (rows, columns), covering the slide from its level-0 origin.
        mpp: Microns per pixel of the mask.
        slide_mpp: Microns per level-0 pixel, to translate coordinates.
    """

    mask: NDArray[np.bool_]
    mpp: float
    slide_mpp: float

    @property
    def area_mm2(self) -> float:
        """Area of the tissue in mm²."""
        return float(np.count_nonzero(self.mask)) * self.mpp**2 / 1e6

    def window(self, x: float, y: float, width: int, height: int, mpp: float) -> NDArray[np.bool_]:
        """Return the mask under a window, in the geometry of ``Slide.read``.

        Returns:
            bool (height, width); False outside the slide.
        """
        rows = self._cells(y, height, mpp, self.mask.shape[0])
        columns = self._cells(x, width, mpp, self.mask.shape[1])
        inside = (rows >= 0)[:, None] & (columns >= 0)
        return self.mask[np.ix_(rows, columns)] & inside

    def fraction(self, x: float, y: float, width: float, height: float) -> float:
        """Return the share of a level-0 rectangle that is tissue, to a mask pixel."""
        scale = self.slide_mpp / self.mpp
        x0, x1 = int(x * scale), int(np.ceil((x + width) * scale))
        y0, y1 = int(y * scale), int(np.ceil((y + height) * scale))
        found = np.count_nonzero(self.mask[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)])
        return float(found) / max(1, (x1 - x0) * (y1 - y0))

    def _cells(self, start: float, count: int, mpp: float, size: int) -> NDArray[np.int64]:
        """Return which mask row (or column) each output pixel's centre lies in, -1 outside."""
        centre = (start * self.slide_mpp + (np.arange(count) + 0.5) * mpp) / self.mpp
        cell = np.floor(centre).astype(np.int64)
        return np.where((cell >= 0) & (cell < size), cell, -1)


def find_tissue(slide: Slide) -> TissueMask:
    """Find the tissue of a slide at 8 µm per pixel (or the slide's own, where that is coarser)."""
    mpp = max(MASK_MPP, slide.mpp)
    width, height = slide.size_at(mpp)
    return TissueMask(tissue_of(slide.read(0, 0, width, height, mpp), mpp), mpp, slide.mpp)


def tissue_of(image: NDArray[np.uint8], mpp: float) -> NDArray[np.bool_]:
    """Find tissue in an RGB overview.

    Args:
        image: uint8 (rows, columns, 3).
        mpp: Microns per pixel.

    Returns:
        bool (rows, columns).
    """
    lightest, darkest = image.max(axis=2), image.min(axis=2)
    filler = lightest < BLACK
    smooth = cv2.GaussianBlur(darkest, (0, 0), max(0.5, SMOOTHING_UM / mpp))
    found = (smooth < _glass(darkest[~filler]) * (1 - ABSORBED)) & ~filler
    bridged = cv2.morphologyEx(
        np.pad(found, _pixels(BRIDGED_UM, mpp)).astype(np.uint8),
        cv2.MORPH_CLOSE,
        _disk(BRIDGED_UM, mpp),
    )
    margin = _pixels(BRIDGED_UM, mpp)
    bridged = bridged[margin:-margin, margin:-margin]
    pixel_mm2 = mpp**2 / 1e6
    solid = _without_small(bridged.astype(bool), SMALLEST_MM2 / pixel_mm2)
    filled = ~_without_small(~solid, LARGEST_HOLE_MM2 / pixel_mm2)
    grown = cv2.dilate(filled.astype(np.uint8), _disk(MARGIN_UM, mpp)).astype(bool)
    return np.asarray(grown & ~filler)


def _glass(darkest: NDArray[np.uint8]) -> float:
    """Return how light the slide's glass is in its darkest channel."""
    grey = darkest[darkest < WHITE]
    found = float(np.percentile(grey, GLASS_PERCENTILE)) if grey.size else 255.0
    return max(GLASS_AT_LEAST, found)


def _pixels(microns: float, mpp: float) -> int:
    return max(1, round(microns / mpp))


def _disk(radius_um: float, mpp: float) -> NDArray[np.uint8]:
    side = 2 * _pixels(radius_um, mpp) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _without_small(mask: NDArray[np.bool_], pixels: float) -> NDArray[np.bool_]:
    """Remove connected pieces of fewer than ``pixels`` pixels."""
    _, pieces, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    keep = statistics[:, cv2.CC_STAT_AREA] >= pixels
    keep[0] = False
    return np.asarray(keep[pieces])
