"""The pixels of one slide in the colours of others.

What becomes of a colour depends on nothing but the colour. It is computed once for each of the
2²⁴ there are and looked up from then on: fast, and the same in every tile.
"""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from carcinomap.slide.stain import macenko, reinhard
from carcinomap.slide.stain.statistics import StainStatistics

Method = Literal["macenko", "reinhard"]
DARKEST = 0.25  # grey levels that 0 stands for, so that it has a density
LEVELS = 256
COLOUR = np.uint32(0xFFFFFF)  # the bits of a pixel's four bytes that hold red, green and blue
AT_ONCE = 65_536  # pixels, whose indices stay in a processor's cache


class Normaliser:
    """Gives the images of a slide the colours of a target; safe to use from many threads.

    Bare glass becomes the target's glass. The table takes 64 MB.

    Args:
        method: ``macenko`` maps haematoxylin to haematoxylin and eosin to eosin, in hue and
            amount; ``reinhard`` the mean and spread of all tissue.
        source: Statistics of the slide.
        target: Statistics of what it is to look like.
    """

    def __init__(self, method: Method, source: StainStatistics, target: StainStatistics) -> None:
        self._table = _table(method, source, target)

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return an image in the target's colours.

        Args:
            image: uint8 (height, width, 3) RGB.

        Returns:
            Another image of the same shape.
        """
        result = np.empty_like(image)
        rows = max(1, AT_ONCE // max(1, image.shape[1]))
        for top in range(0, len(image) if image.size else 0, rows):
            pixels = cv2.cvtColor(image[top : top + rows], cv2.COLOR_RGB2RGBA)
            looked_up = self._table[pixels.view("<u4")[:, :, 0] & COLOUR]
            part = looked_up.view(np.uint8).reshape(pixels.shape)
            cv2.cvtColor(part, cv2.COLOR_RGBA2RGB, dst=result[top : top + rows])
        return result


def _table(method: Method, source: StainStatistics, target: StainStatistics) -> NDArray[np.uint32]:
    """Return for every colour, red in the lowest byte, what becomes of it, in the same form."""
    levels = np.maximum(np.arange(LEVELS), DARKEST)
    red, green, blue = levels / np.array(source.glass)[:, None]
    light = np.empty((LEVELS * LEVELS, 1, 3), np.float32)
    light[:, 0, 0], light[:, 0, 1] = np.tile(red, LEVELS), np.repeat(green, LEVELS)
    recoloured = macenko.recoloured if method == "macenko" else reinhard.recoloured
    table = np.zeros((LEVELS, LEVELS * LEVELS), "<u4")
    for level in range(LEVELS):
        light[:, 0, 2] = blue[level]
        changed = recoloured(light, source, target)[:, 0]
        grey = np.rint(changed * np.array(target.glass, np.float32))
        table[level].view(np.uint8).reshape(-1, 4)[:, :3] = np.clip(grey, 0, 255)
    return table.reshape(-1)
