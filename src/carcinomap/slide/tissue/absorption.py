"""How much light a slide absorbs, relative to its own glass, and what the colour of that says.

By the law of Beer and Lambert optical densities add up, whatever lies on top of what: a hue in
densities is that of the dye, pale or dense. Haematoxylin and eosin both absorb green light most
(Ruifrok and Johnston 2001); ink and dirt do not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Colour = tuple[float, float, float]

BLACK = 20  # darker than this in every channel: scanner filler
WHITE = 255  # exactly this in every channel: filler too, for real glass is not free of noise
FILLER_AT_LEAST_MM2 = 0.02  # smaller pieces are saturated glass in a vessel, or pigment
JPEG_BLOCK = 8  # pixels around filler that its compressed edge may colour
GLASS_AT_LEAST = 200  # grey levels; scanners set their glass above
GLASS_NEUTRAL = 12  # grey levels between its channels
GLASS_FLAT = 2.5  # standard deviation in grey levels over FLAT_WINDOW: no tissue is as even
FLAT_WINDOW = 5
GLASS_SHARE = 0.002  # of the image; less is no glass but a few even spots of tissue
# Its brighter part is taken: scanners light glass unevenly by about 3 %, and what is darker than
# the brightest glass costs less than tissue that is taken for glass.
GLASS_QUANTILE = 0.9
SMOOTHING_UM = 8.0
INK_DENSITY = 0.15
PEN_UM = 16.0  # half the width of the finest stroke
RIM_UM = 24.0
HAEMATOXYLIN_RED = 0.65 / 0.704  # its absorption of red over that of green (Ruifrok)


@dataclass(frozen=True)
class Absorption:
    """Optical densities (decadic) of an overview, relative to the slide's glass.

    Attributes:
        red: float32 (rows, columns).
        green: Likewise.
        blue: Likewise.
        filler: bool (rows, columns); what the scanner never saw.
        glass: Grey levels of red, green and blue light through bare glass.
    """

    red: Plane
    green: Plane
    blue: Plane
    filler: NDArray[np.bool_]
    glass: Colour

    @classmethod
    def of(cls, image: NDArray[np.uint8], mpp: float, glass: Colour | None = None) -> "Absorption":
        """Measure an RGB overview.

        Args:
            image: uint8 (rows, columns, 3).
            mpp: Microns per pixel.
            glass: Light through bare glass, where it is known; None finds it in the image.
        """
        planes = cv2.split(image)
        lightest = cv2.max(cv2.max(planes[0], planes[1]), planes[2])
        darkest = cv2.min(cv2.min(planes[0], planes[1]), planes[2])
        filler = without_small(
            (lightest < BLACK) | (darkest == WHITE), FILLER_AT_LEAST_MM2 * 1e6 / mpp**2
        )
        glass = glass or _glass(planes, lightest, darkest, filler)
        sigma = max(0.5, SMOOTHING_UM / mpp)
        red, green, blue = (
            cv2.LUT(cv2.GaussianBlur(plane, (0, 0), sigma), _density_of(level))
            for plane, level in zip(planes, glass, strict=True)
        )
        return cls(red, green, blue, filler, glass)

    def part(self, area: tuple[slice, slice]) -> "Absorption":
        """Return the rows and columns of an area."""
        red, green, blue = (
            np.ascontiguousarray(plane[area]) for plane in (self.red, self.green, self.blue)
        )
        return Absorption(red, green, blue, np.ascontiguousarray(self.filler[area]), self.glass)

    @cached_property
    def eosin(self) -> Plane:
        """Green light absorbed beyond what haematoxylin, to judge by the red light, absorbs."""
        return np.asarray(self.green - self.red / np.float32(HAEMATOXYLIN_RED))

    @cached_property
    def chroma(self) -> Plane:
        """Density that tells hue: of green light over that of the channel absorbed least.

        Uneven light and dirt darken all channels alike and have next to none.
        """
        return np.asarray(self.green - cv2.min(self.red, self.blue))

    @cached_property
    def stained(self) -> NDArray[np.bool_]:
        """Which pixels have a hue from pink to purple, be it ever so pale."""
        most, least = cv2.max(self.red, self.blue), cv2.min(self.red, self.blue)
        green = self.green
        return np.asarray((most <= 1.1 * green) & (least < 0.75 * green) & ~self._reddish)

    @cached_property
    def ink(self) -> NDArray[np.bool_]:
        """Which pixels are as dense and of a hue as only ink is: blue, green, red or black.

        Red ink that lets as much blue light through as eosin does cannot be told from it.
        """
        red, green, blue = self.red, self.green, self.blue
        blue_or_green = (cv2.max(red, green) >= INK_DENSITY) & (red > green)
        least, most = cv2.min(cv2.min(red, green), blue), cv2.max(cv2.max(red, green), blue)
        black = (least > 4 * INK_DENSITY) & (least > 0.65 * most)
        dense_red = self._reddish & (green > 3 * INK_DENSITY)
        return np.asarray((blue_or_green | black | dense_red) & ~self.filler)

    @cached_property
    def _reddish(self) -> NDArray[np.bool_]:
        """Which pixels absorb blue light nearly as green, and hardly any red."""
        return (self.blue > 0.75 * self.green) & (self.red < 0.25 * self.green)


def pen_strokes(light: Absorption, mpp: float) -> NDArray[np.bool_]:
    """Return the strokes of a pen with their pale rims; narrower spots of its hue are chance."""
    return within(opened(light.ink, PEN_UM / mpp), RIM_UM / mpp) & ~light.filler


def opened(mask: NDArray[np.bool_], pixels: float) -> NDArray[np.bool_]:
    """Remove what is narrower than twice as many pixels."""
    side = 2 * max(1, round(pixels)) + 1
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_OPEN, disk).view(bool))


def without_small(mask: NDArray[np.bool_], pixels: float) -> NDArray[np.bool_]:
    """Remove connected pieces of fewer than ``pixels`` pixels."""
    _, pieces, statistics, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8))
    keep = statistics[:, cv2.CC_STAT_AREA] >= pixels
    keep[0] = False
    return np.asarray(keep[pieces])


def within(mask: NDArray[np.bool_], pixels: float) -> NDArray[np.bool_]:
    """Return what is at most ``pixels`` away from the mask."""
    if not mask.any():
        return np.zeros_like(mask)
    distance = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.asarray(distance <= pixels)


def bridged(mask: NDArray[np.bool_], pixels: float) -> NDArray[np.bool_]:
    """Return the mask with all gaps closed that a disk of that radius does not fit into."""
    margin = int(pixels) + 2
    wide = within(np.pad(mask, margin), pixels)
    return ~within(~wide, pixels)[margin:-margin, margin:-margin]


def _glass(
    planes: Sequence[NDArray[np.uint8]],
    lightest: NDArray[np.uint8],
    darkest: NDArray[np.uint8],
    filler: NDArray[np.bool_],
) -> Colour:
    """Return the colour of bare glass: what is bright, grey and even; white if nothing is."""
    around = np.ones((2 * JPEG_BLOCK + 1,) * 2, np.uint8)
    beside_filler = cv2.dilate(filler.view(np.uint8), around).view(bool)
    window, green = (FLAT_WINDOW, FLAT_WINDOW), planes[1].astype(np.float32)
    mean = cv2.blur(green, window, borderType=cv2.BORDER_REPLICATE)
    variance = cv2.sqrBoxFilter(green, -1, window, borderType=cv2.BORDER_REPLICATE) - mean * mean
    glass = (
        (variance < GLASS_FLAT**2)
        & (darkest >= GLASS_AT_LEAST)
        & (lightest - darkest <= GLASS_NEUTRAL)
        & ~beside_filler
    )
    if np.count_nonzero(glass) <= GLASS_SHARE * glass.size:
        return (WHITE, WHITE, WHITE)
    counts = [cv2.calcHist([plane], [0], glass.view(np.uint8), [256], [0, 256]) for plane in planes]
    red, green_level, blue = (
        float(np.searchsorted(np.cumsum(count), GLASS_QUANTILE * count.sum())) for count in counts
    )
    return red, green_level, blue


def _density_of(glass: float) -> Plane:
    """Return the density of each of the 256 grey levels."""
    return (-np.log10(np.maximum(np.arange(256), 1) / glass)).astype(np.float32)
