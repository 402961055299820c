"""The stain statistics of slides, from a sample of their tissue."""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from carcinomap.errors import InputError
from carcinomap.slide.slide import Slide
from carcinomap.slide.stain.macenko import stains_of
from carcinomap.slide.stain.reinhard import lab_of
from carcinomap.slide.stain.statistics import StainStatistics, median_of, rounded
from carcinomap.slide.tissue.absorption import Absorption, Colour, pen_strokes
from carcinomap.slide.tissue.mask import FOR_GLASS, Mask, TissueMask, find_tissue

SAMPLE_MPP = 1.0  # nuclei are several pixels wide: their hue is not mixed with that around them
SIDE = 8  # of a window that is looked at, in pixels of the tissue mask
WINDOWS = 256  # at most: a million pixels
GOLDEN = (math.sqrt(5) - 1) / 2
LEAST_DENSITY = 0.15 * math.log(10)  # of green light, which both stains absorb; Macenko's β
LEAST_PIXELS = 10_000  # a hundredth of a mm²; a percentile of fewer is chance
DARKEST = 1.0  # grey levels

Corner = tuple[int, int]
"""Row and column of a tissue mask."""


def statistics_of(slide: Slide, tissue: Mask | None = None) -> StainStatistics:
    """Measure how a slide is stained, in up to 256 windows spread over its tissue.

    Args:
        slide: The slide.
        tissue: Its mask, where it is known already.

    Raises:
        InputError: The file's pixels cannot be decoded, or they do not show two stains.
    """
    tissue = tissue or find_tissue(slide)
    glass, pen = _glass_and_pen(slide, tissue)
    windows = [corner for corner in _windows(tissue) if not _touches(pen, corner, tissue)]
    parts = [_dense(slide, tissue, corner, glass) for corner in windows]
    light = np.concatenate([np.empty((0, 3), np.float32), *parts])
    if len(light) < LEAST_PIXELS:
        raise InputError(
            f"{slide.path}: too little stained tissue to tell how it is stained "
            f"({len(light):,} pixels of {_mpp(slide):g} µm, of at least {LEAST_PIXELS:,}); "
            "leave it as it is, with --normalise none"
        )
    # Nothing absorbs less than glass: what is brighter has no say about hue.
    haematoxylin, eosin, most = stains_of(np.maximum(-np.log(light.astype(np.float64)), 0))
    lab = lab_of(light[:, None])[:, 0].astype(np.float64)
    numbers = {"glass": glass, "haematoxylin": haematoxylin, "eosin": eosin, "most": most}
    try:
        return rounded({**numbers, "mean": lab.mean(axis=0), "spread": lab.std(axis=0)})
    except InputError as error:
        raise InputError(
            f"{slide.path}: its tissue does not show two stains ({error}); "
            "leave it as it is, with --normalise none"
        ) from error


def typical_stain(slides: Iterable[Slide]) -> StainStatistics | None:
    """Return the median statistics of slides; those that show no two stains do not count.

    Returns:
        None where none of them does.
    """
    found = []
    for slide in slides:
        try:
            found.append(statistics_of(slide))
        except InputError:
            continue
    return median_of(found) if found else None


def _mpp(slide: Slide) -> float:
    return max(SAMPLE_MPP, slide.mpp)


def _glass_and_pen(slide: Slide, tissue: Mask) -> tuple[Colour, Mask]:
    """Return the light through bare glass, and where a pen has been."""
    rows, columns = tissue.shape
    mpp = tissue.mpp * max(1.0, math.sqrt(rows * columns / FOR_GLASS))
    light = Absorption.of(slide.read(0, 0, *slide.size_at(mpp), mpp), mpp)
    return light.glass, TissueMask(pen_strokes(light, mpp), mpp, slide.mpp)


def _touches(pen: Mask, corner: Corner, tissue: Mask) -> bool:
    y, x, side = (length * tissue.mpp / tissue.slide_mpp for length in (*corner, SIDE))
    return pen.fraction(x, y, side, side) > 0


def _windows(tissue: Mask) -> list[Corner]:
    """Return where windows begin that are spread evenly over the tissue."""
    rows, columns = tissue.shape
    mask = np.pad(tissue.part(0, rows, 0, columns), ((0, -rows % SIDE), (0, -columns % SIDE)))
    cells = mask.reshape(len(mask) // SIDE, SIDE, -1, SIDE).any(axis=(1, 3))
    found = np.argwhere(cells) * SIDE
    if len(found) > WINDOWS:  # multiples of the golden ratio fall into step with no row of cells
        chosen = np.unique((np.arange(WINDOWS) * GOLDEN % 1 * len(found)).astype(np.int64))
        found = found[chosen]
    return [(row, column) for row, column in found.tolist()]


def _dense(slide: Slide, tissue: Mask, corner: Corner, glass: Colour) -> NDArray[np.float32]:
    """Return the light, relative to glass, through the pixels of a window with stain: (n, 3)."""
    mpp = _mpp(slide)
    side = round(SIDE * tissue.mpp / mpp)
    y, x = (place * tissue.mpp / slide.mpp for place in corner)
    light = np.maximum(slide.read(x, y, side, side, mpp), DARKEST) / np.array(glass, np.float32)
    dense = light[:, :, 1] <= math.exp(-LEAST_DENSITY)
    return np.asarray(light[dense & tissue.window(x, y, side, side, mpp)], np.float32)
