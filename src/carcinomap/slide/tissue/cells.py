"""A coarse grid laid over a slide: which of its cells lie under a window."""

import math

import numpy as np
from numpy.typing import NDArray


def cells_along(
    start: float, count: int, mpp: float, slide_mpp: float, cell_mpp: float, size: int
) -> NDArray[np.int64]:
    """Return which cell each output pixel's centre lies in along one axis, -1 outside.

    Args:
        start: Level-0 pixel at which the window begins.
        count: Output pixels.
        mpp: Microns per output pixel.
        slide_mpp: Microns per level-0 pixel.
        cell_mpp: Microns per cell.
        size: Cells of the grid.
    """
    centre = (start * slide_mpp + (np.arange(count) + 0.5) * mpp) / cell_mpp
    cell = np.floor(centre).astype(np.int64)
    return np.where((cell >= 0) & (cell < size), cell, -1)


def span_along(start: float, length: float, scale: float) -> tuple[int, int]:
    """Return the first cell that a level-0 stretch touches and the one after the last.

    Args:
        start: Level-0 pixel at which it begins.
        length: In level-0 pixels.
        scale: Cells per level-0 pixel.
    """
    return math.floor(start * scale), math.ceil((start + length) * scale)
