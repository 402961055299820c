"""A rectangle put together from the blocks of a grid."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def mosaic(
    corner: tuple[int, int],
    size: tuple[int, int],
    block_size: tuple[int, int],
    block: Callable[[int, int], NDArray[np.uint8]],
) -> NDArray[np.uint8]:
    """Return a rectangle of an image that comes in blocks.

    Args:
        corner: (x, y) of its top-left pixel.
        size: Its (width, height).
        block_size: (width, height) of the grid's blocks.
        block: Gives the block of a column and a row of the grid, uint8 (rows, columns, 3); the
            last ones may be cut off at the image's edge.

    Returns:
        uint8 (height, width, 3), of its own memory.
    """
    (x, y), (width, height), (wide, high) = corner, size, block_size
    output = np.empty((height, width, 3), np.uint8)
    for row in range(y // high, -(-(y + height) // high)):
        top = max(row * high, y)
        bottom = min(row * high + high, y + height)
        for column in range(x // wide, -(-(x + width) // wide)):
            left = max(column * wide, x)
            right = min(column * wide + wide, x + width)
            output[top - y : bottom - y, left - x : right - x] = block(column, row)[
                top - row * high : bottom - row * high, left - column * wide : right - column * wide
            ]
    return output
