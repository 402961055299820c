"""What a model sees around a point."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carcinomap.slide.slide import Slide


@dataclass(frozen=True)
class View:
    """A square window with a centre: ``size`` pixels a side at ``mpp`` microns per pixel."""

    mpp: float
    size: int

    def corner(
        self, slide_mpp: float, x: float, y: float, scale: float = 1.0
    ) -> tuple[float, float]:
        """Return the level-0 top-left corner of the view centred at level-0 (x, y).

        Args:
            slide_mpp: Microns per level-0 pixel.
            x: Level-0 column of the centre.
            y: Level-0 row of the centre.
            scale: Magnifies the view: 1.1 shows 1.1 times as many microns in the same pixels.
        """
        half = self.size * self.mpp * scale / slide_mpp / 2
        return x - half, y - half

    def read(self, slide: Slide, x: float, y: float, scale: float = 1.0) -> NDArray[np.uint8]:
        """Read the view of ``slide`` centred at level-0 (x, y): uint8 (size, size, 3).

        Beyond the slide it is as ``read_mirrored`` has it.
        """
        left, top = self.corner(slide.mpp, x, y, scale)
        return read_mirrored(slide, left, top, self.size, self.size, self.mpp * scale)


def read_mirrored(
    slide: Slide, x: float, y: float, width: int, height: int, mpp: float
) -> NDArray[np.uint8]:
    """Read a region for a network: what lies beyond the slide is its mirror image.

    Where a picture ends, tissue does not: beside a white edge networks take the cells at it for
    others. Glass at the edge of a whole slide stays glass.

    Args:
        slide: The slide.
        x: Level-0 column of the top-left corner.
        y: Level-0 row of the top-left corner.
        width: Output width in pixels.
        height: Output height in pixels.
        mpp: Microns per output pixel.

    Returns:
        uint8 (height, width, 3) RGB; white where no pixel of the region lies on the slide.
    """
    step = mpp / slide.mpp
    across = _to_read(x, step, width, slide.width)
    down = _to_read(y, step, height, slide.height)
    if across is None or down is None:
        return slide.read(x, y, width, height, mpp)
    (left, right), (top, bottom) = across, down
    corner = (x + left * step, y + top * step)
    image = slide.read(*corner, right - left, bottom - top, mpp)
    margins = (
        (max(0, top), max(0, height - bottom)),
        (max(0, left), max(0, width - right)),
        (0, 0),
    )
    mirrored = np.pad(image, margins, mode="symmetric") if np.any(margins) else image
    rows, columns = (slice(-min(0, first), None) for first in (top, left))
    return mirrored[rows, columns][:height, :width]


def _to_read(start: float, step: float, count: int, length: int) -> tuple[int, int] | None:
    """Return the first and the end of the pixels to read along an axis; None where none is there.

    Those of the region that lie wholly on the slide, and as many behind them as lie beyond an edge.
    """
    first = math.ceil(-start / step - 1e-6)
    end = math.floor((length - start) / step + 1e-6)
    low, high = max(0, first), min(count, end)
    if low >= high:
        return None
    return max(first, min(low, 2 * high - count)), min(end, max(high, 2 * low))
