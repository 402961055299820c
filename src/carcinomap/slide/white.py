"""White under everything that is transparent."""

import cv2
import numpy as np
from numpy.typing import NDArray

WHITE = 255
OPAQUE = 0xFF000000


def on_white(rgba: NDArray[np.uint8], premultiplied: bool = False) -> NDArray[np.uint8]:
    """Lay an image on white.

    Args:
        rgba: uint8 (height, width, 4), contiguous.
        premultiplied: Colours are already multiplied by their opacity.

    Returns:
        uint8 (height, width, 3).
    """
    # Alpha is the highest byte of a little-endian pixel: one pass over whole pixels.
    if rgba.view("<u4").min() >= OPAQUE:
        return np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB))
    opacity = rgba[:, :, 3:].astype(np.uint16)
    if premultiplied:
        return np.asarray(np.minimum(rgba[:, :, :3] + (WHITE - opacity), WHITE), np.uint8)
    mixed = rgba[:, :, :3] * opacity + WHITE * (WHITE - opacity)
    return np.asarray((mixed + WHITE // 2) // WHITE, np.uint8)
