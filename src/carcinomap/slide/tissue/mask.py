"""Where the tissue is.

The mask is made at a few microns per pixel. What is stained pink to purple is tissue, however
pale; what merely absorbs light is tissue beside it, and dirt, ink, a scan border or the edge of
the coverslip elsewhere. Fat and glands are mostly holes: bridging and filling makes them whole.
Tissue that is left out is never mapped, while glass costs a little time: doubts go to tissue.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from carcinomap.slide.slide import Slide
from carcinomap.slide.tissue.absorption import (
    Absorption,
    Colour,
    bridged,
    pen_strokes,
    without_small,
)
from carcinomap.slide.tissue.cells import cells_along, span_along

MASK_MPP = 8.0
AT_ONCE = 8_000_000  # pixels of the mask; finding them takes some 300 MB
BLOCK = 1024  # side of the blocks, in pixels of the mask, of a slide that has more
FOR_GLASS = 2_000_000  # pixels of the picture in which the glass of such a slide is measured
CHROMA = 0.012  # density that tells hue; faint stroma has more, unevenly lit glass less
ABSORBED = 0.022  # density of green; 5 % of the light
FAINT = 0.015  # density of green; 3.4 % of the light, where faint stroma absorbs 4 % and more
SPECK = 4  # pixels; fewer are noise
BRIDGED_UM = 48.0  # radius: vacuoles of fat up to about 100 µm across
STROKE_UM = 500.0  # half the width of the broadest stroke of a pen
SMALLEST_MM2 = 0.01  # a fragment 110 µm across
LINE_WIDTH_UM, LINE_LENGTH_UM = 80.0, 2000.0  # thinner and longer is a coverslip's edge
LARGEST_HOLE_MM2 = 0.25  # the lumen of a dilated duct, 560 µm across
ENCLOSED = 0.6  # share of its outline that is tissue; 0.61 where a border halves a round lumen


class Mask(ABC):
    """What is tissue of a slide, on a grid that covers it from its level-0 origin.

    Attributes:
        mpp: Microns per pixel of the mask.
        slide_mpp: Microns per level-0 pixel, to translate coordinates.
    """

    mpp: float
    slide_mpp: float

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""

    @abstractmethod
    def part(self, top: int, bottom: int, left: int, right: int) -> NDArray[np.bool_]:
        """Return a rectangle of the mask, cut where it ends: bool (rows, columns)."""

    def window(self, x: float, y: float, width: int, height: int, mpp: float) -> NDArray[np.bool_]:
        """Return the mask under a window, in the geometry of ``Slide.read``.

        Returns:
            bool (height, width); False outside the slide.
        """
        rows = cells_along(y, height, mpp, self.slide_mpp, self.mpp, self.shape[0])
        columns = cells_along(x, width, mpp, self.slide_mpp, self.mpp, self.shape[1])
        down, across = np.flatnonzero(rows >= 0), np.flatnonzero(columns >= 0)
        window = np.zeros((height, width), bool)
        if down.size and across.size:
            rows, columns = rows[down], columns[across]
            part = self.part(rows[0], rows[-1] + 1, columns[0], columns[-1] + 1)
            seen = part.take(rows - rows[0], axis=0).take(columns - columns[0], axis=1)
            window[down[0] : down[-1] + 1, across[0] : across[-1] + 1] = seen
        return window

    def fraction(self, x: float, y: float, width: float, height: float) -> float:
        """Return the share of a level-0 rectangle that is tissue, to a mask pixel."""
        scale = self.slide_mpp / self.mpp
        (x0, x1), (y0, y1) = span_along(x, width, scale), span_along(y, height, scale)
        found = np.count_nonzero(self.part(max(y0, 0), max(y1, 0), max(x0, 0), max(x1, 0)))
        return float(found) / max(1, (x1 - x0) * (y1 - y0))


@dataclass(frozen=True)
class TissueMask(Mask):
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
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.mask.shape
        return rows, columns

    @property
    def area_mm2(self) -> float:
        """Area of the tissue in mm²."""
        return float(np.count_nonzero(self.mask)) * self.mpp**2 / 1e6

    def part(self, top: int, bottom: int, left: int, right: int) -> NDArray[np.bool_]:
        """Return a rectangle of the mask, cut where it ends: bool (rows, columns)."""
        return self.mask[top:bottom, left:right]

    def packed(self) -> "PackedMask":
        """Return the same mask for keeping it in an eighth of the memory."""
        bits = np.packbits(self.mask, axis=1)
        return PackedMask(bits, self.mask.shape[1], self.mpp, self.slide_mpp)


@dataclass(frozen=True)
class PackedMask(Mask):
    """A tissue mask of which every pixel is a bit: that of a large slide is kept for long.

    Attributes:
        bits: uint8 (rows, bytes).
        columns: Of the mask; the bits beyond are 0.
        mpp: Microns per pixel of the mask.
        slide_mpp: Microns per level-0 pixel, to translate coordinates.
    """

    bits: NDArray[np.uint8]
    columns: int
    mpp: float
    slide_mpp: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.bits), self.columns

    def part(self, top: int, bottom: int, left: int, right: int) -> NDArray[np.bool_]:
        """Return a rectangle of the mask, cut where it ends: bool (rows, columns)."""
        first, right = left // 8, min(right, self.columns)
        bits = np.unpackbits(self.bits[top:bottom, first : -(-right // 8)], axis=1)
        return bits[:, left - 8 * first : max(left, right) - 8 * first].view(bool)


def find_tissue(slide: Slide) -> TissueMask:
    """Find the tissue of a slide at 8 µm per pixel (or the slide's own, where that is coarser).

    Raises:
        InputError: The file's pixels cannot be decoded.
    """
    mpp = max(MASK_MPP, slide.mpp)
    width, height = slide.size_at(mpp)
    if width * height <= AT_ONCE:
        mask = tissue_of(slide.read(0, 0, width, height, mpp), mpp)
    else:
        mask = _in_blocks(slide, width, height, mpp)
    return TissueMask(mask, mpp, slide.mpp)


def _in_blocks(slide: Slide, width: int, height: int, mpp: float) -> NDArray[np.bool_]:
    """Find the tissue block by block, so that memory does not grow with the slide.

    Every block is seen with a margin in which even a coverslip's edge shows what it is.
    """
    coarse = mpp * math.sqrt(width * height / FOR_GLASS)
    glass = Absorption.of(slide.read(0, 0, *slide.size_at(coarse), coarse), coarse).glass
    margin = math.ceil(1.25 * LINE_LENGTH_UM / mpp)
    mask = np.zeros((height, width), bool)
    for top in range(0, height, BLOCK):
        for left in range(0, width, BLOCK):
            y0, x0 = max(0, top - margin), max(0, left - margin)
            y1, x1 = (
                min(side, first + BLOCK + margin) for side, first in ((height, top), (width, left))
            )
            scale = mpp / slide.mpp
            found = tissue_of(slide.read(x0 * scale, y0 * scale, x1 - x0, y1 - y0, mpp), mpp, glass)
            core = mask[top : top + BLOCK, left : left + BLOCK]
            core[...] = found[top - y0 :, left - x0 :][: core.shape[0], : core.shape[1]]
    return mask


def tissue_of(
    image: NDArray[np.uint8], mpp: float, glass: Colour | None = None
) -> NDArray[np.bool_]:
    """Find tissue in an RGB overview.

    Args:
        image: uint8 (rows, columns, 3).
        mpp: Microns per pixel.
        glass: Light through bare glass, where it is known; None finds it in the image.

    Returns:
        bool (rows, columns).
    """
    light = Absorption.of(image, mpp, glass)
    mask = np.zeros(image.shape[:2], bool)
    seen = (light.green > ABSORBED) | (light.chroma > CHROMA)
    if seen.any():  # most of a slide is glass: only the part with anything on it is worth the work
        part = _extent(seen, round(BRIDGED_UM / mpp))
        mask[part] = _tissue_in(light.part(part), mpp)
    return mask


def _tissue_in(light: Absorption, mpp: float) -> NDArray[np.bool_]:
    found = bridged(_evidence(light, mpp), BRIDGED_UM / mpp) & ~light.filler
    return _without_holes(_without_dirt(found, mpp), light.filler, mpp)


def _extent(mask: NDArray[np.bool_], margin: int) -> tuple[slice, slice]:
    """Return the rows and columns that hold the mask, and a margin around it."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return (
        slice(max(rows[0] - margin, 0), rows[-1] + margin + 1),
        slice(max(columns[0] - margin, 0), columns[-1] + margin + 1),
    )


def _evidence(light: Absorption, mpp: float) -> NDArray[np.bool_]:
    """Return the pixels that show tissue: stained ones, and absorbing ones close to them."""
    pen = pen_strokes(light, mpp)
    usable = ~light.filler & ~pen
    stained = light.stained & (light.chroma > CHROMA) & (light.green > FAINT) & usable
    stained = without_small(stained, SPECK)
    reach = np.ones((2 * round(BRIDGED_UM / mpp) + 1,) * 2, np.uint8)
    close = cv2.dilate(stained.view(np.uint8), reach).view(bool)
    found = stained | (close & (light.green > ABSORBED) & usable)
    if pen.any():  # on tissue, a stroke has tissue on both sides
        found |= pen & bridged(found, STROKE_UM / mpp)
    return np.asarray(found)


def _without_dirt(found: NDArray[np.bool_], mpp: float) -> NDArray[np.bool_]:
    """Remove pieces that are too small, or that are thin and long as only an edge of glass is."""
    _, pieces, statistics, _ = cv2.connectedComponentsWithStats(found.view(np.uint8))
    area = statistics[:, cv2.CC_STAT_AREA] * mpp**2
    length = mpp * np.hypot(statistics[:, cv2.CC_STAT_WIDTH], statistics[:, cv2.CC_STAT_HEIGHT])
    line = (length > LINE_LENGTH_UM) & (area < length * LINE_WIDTH_UM)
    keep = (area >= SMALLEST_MM2 * 1e6) & ~line
    keep[0] = False
    return np.asarray(keep[pieces])


def _without_holes(
    solid: NDArray[np.bool_], filler: NDArray[np.bool_], mpp: float
) -> NDArray[np.bool_]:
    """Fill what tissue encloses: vacuoles, vessels and the lumina of glands and ducts.

    A lumen that the slide's border cuts through is still enclosed for the most part, and glass
    beside tissue is not.
    """
    touching = np.ones((3, 3), np.uint8)
    beyond = np.pad(filler, 1, constant_values=True).view(np.uint8)
    at_tissue = cv2.dilate(solid.view(np.uint8), touching).view(bool)
    at_border = cv2.dilate(beyond, touching)[1:-1, 1:-1].view(bool)
    count, pieces, statistics, _ = cv2.connectedComponentsWithStats(
        (~solid & ~filler).view(np.uint8), connectivity=4
    )
    tissue, border = (np.bincount(pieces[edge], minlength=count) for edge in (at_tissue, at_border))
    small = statistics[:, cv2.CC_STAT_AREA] < LARGEST_HOLE_MM2 * 1e6 / mpp**2
    fill = small & (tissue >= ENCLOSED * (tissue + border))
    fill[0] = False
    return np.asarray(solid | fill[pieces])
