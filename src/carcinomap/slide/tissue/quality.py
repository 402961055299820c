"""Where the tissue of a slide is not fit to be judged: out of focus, under pen, or folded."""

from dataclasses import dataclass
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from carcinomap.slide.slide import Slide
from carcinomap.slide.tissue.absorption import Absorption, opened, pen_strokes, without_small
from carcinomap.slide.tissue.cells import cells_along, span_along
from carcinomap.slide.tissue.mask import ABSORBED, TissueMask, find_tissue
from carcinomap.slide.tissue.sharpness import CELL, FOCUS_MPP, blur_of

BLURRED_UM = 3.5  # σ at which nuclei lose their outline, as scanners out of focus have it
DENSE = 0.75  # quantile of the tissue's eosin: fat and loose stroma do not tell how thick it is
FOLD = 1.3  # eosin over that of dense tissue; two layers of it have twice as much
FOLD_UM = 12.0  # half the width of the narrowest fold
FOLD_AT_LEAST_MM2 = 0.01  # larger than a vessel full of blood or a cluster of nuclei


class Artefact(IntFlag):
    """What is wrong with a place."""

    BLURRED = 1
    PEN = 2
    FOLD = 4


ANY_ARTEFACT = Artefact.BLURRED | Artefact.PEN | Artefact.FOLD


@dataclass(frozen=True)
class QualityMap:
    """The artefacts of one slide, in the geometry of its tissue mask.

    Attributes:
        flags: uint8 (rows, columns), sums of ``Artefact``; covering the slide from its level-0
            origin.
        mpp: Microns per pixel of the map.
        slide_mpp: Microns per level-0 pixel, to translate coordinates.
    """

    flags: NDArray[np.uint8]
    mpp: float
    slide_mpp: float

    def window(self, x: float, y: float, width: int, height: int, mpp: float) -> NDArray[np.uint8]:
        """Return the flags under a window, in the geometry of ``Slide.read``.

        Returns:
            uint8 (height, width); 0 outside the slide.
        """
        rows = cells_along(y, height, mpp, self.slide_mpp, self.mpp, self.flags.shape[0])
        columns = cells_along(x, width, mpp, self.slide_mpp, self.mpp, self.flags.shape[1])
        inside = (rows >= 0)[:, None] & (columns >= 0)
        return np.where(inside, self.flags[np.ix_(rows, columns)], 0).astype(np.uint8)

    def fraction(
        self, x: float, y: float, width: float, height: float, kinds: Artefact = ANY_ARTEFACT
    ) -> float:
        """Return the share of a level-0 rectangle with one of some artefacts, to a map pixel."""
        scale = self.slide_mpp / self.mpp
        (x0, x1), (y0, y1) = span_along(x, width, scale), span_along(y, height, scale)
        here = self.flags[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
        return float(np.count_nonzero(here & kinds)) / max(1, (x1 - x0) * (y1 - y0))

    def clean(self, tissue: TissueMask) -> TissueMask:
        """Return the tissue without artefacts."""
        return TissueMask(tissue.mask & (self.flags == 0), tissue.mpp, tissue.slide_mpp)

    def shares(self, tissue: TissueMask) -> dict[Artefact, float]:
        """Return for every kind of artefact its share of the tissue, 0 where there is none."""
        inside = self.flags[tissue.mask]
        return {
            kind: float(np.count_nonzero(inside & kind)) / max(1, inside.size) for kind in Artefact
        }


def find_artefacts(slide: Slide, tissue: TissueMask | None = None) -> QualityMap:
    """Find blurred and folded tissue and strokes of pen.

    Folds and pen are seen in the overview that the tissue mask is made from; focus is measured
    at 2 µm per pixel where there is tissue. On slides much coarser than that it is not judged.

    Args:
        slide: The slide.
        tissue: Its mask, where it is known already.

    Raises:
        InputError: The file's pixels cannot be decoded.
    """
    tissue = tissue or find_tissue(slide)
    rows, columns = tissue.mask.shape
    light = Absorption.of(slide.read(0, 0, columns, rows, tissue.mpp), tissue.mpp)
    pen = pen_strokes(light, tissue.mpp)
    found = {Artefact.PEN: pen, Artefact.FOLD: _folds(light, tissue.mask & ~pen, tissue.mpp)}
    if slide.mpp <= FOCUS_MPP:
        found[Artefact.BLURRED] = _blurred(slide, tissue) & ~pen
    flags = np.zeros(tissue.mask.shape, np.uint8)
    for kind, where in found.items():
        flags[where] |= np.uint8(kind)
    return QualityMap(flags, tissue.mpp, tissue.slide_mpp)


def _folds(light: Absorption, tissue: NDArray[np.bool_], mpp: float) -> NDArray[np.bool_]:
    """Return where tissue lies double.

    Eosin stains cells and stroma alike, so its density goes with thickness, while that of
    haematoxylin goes with the nuclei. A fold has more of both than usual; blood only of eosin.
    """
    usual = tissue & (light.green > ABSORBED)
    if not usual.any():
        return usual
    thick = light.eosin > FOLD * np.quantile(light.eosin[usual], DENSE)
    nuclear = light.red > np.median(light.red[usual])
    folded = opened(thick & nuclear & usual, FOLD_UM / mpp)
    return without_small(folded, FOLD_AT_LEAST_MM2 * 1e6 / mpp**2)


def _blurred(slide: Slide, tissue: TissueMask) -> NDArray[np.bool_]:
    blurred = blur_of(slide, tissue) > BLURRED_UM
    rows, columns = (
        cells_along(0, count, tissue.mpp, 1.0, CELL * FOCUS_MPP, cells)
        for count, cells in zip(tissue.mask.shape, blurred.shape, strict=True)
    )
    return np.asarray(blurred[np.ix_(rows, columns)] & tissue.mask)
