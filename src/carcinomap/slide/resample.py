"""Area-averaging between pixel grids, exact in whole numbers.

Positions are rounded to 1/256 of a source pixel; from there on all sums are integers. So a
pixel has one value, whichever window it is read through: no seam can come from reading.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

QUANTA = 256  # positions per source pixel
WIDEST_INT32 = 10  # source pixels per output pixel up to which the sums fit 32 bits
# Rounding ties are common (half-pixel steps) and float noise would decide them: lean one way.
TIE = 1e-6
HALVINGS = {2: 1, 4: 2, 8: 3, 16: 4}  # steps that are powers of 2, as far as sums fit 16 bits
STRIP = 48  # output rows at a time, so that the sums stay in the processor's cache


def spans(start: float, step: float, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each output pixel begins and ends along one axis, in quanta.

    Output pixel i covers ``start + i·step`` to ``start + (i + 1)·step`` in source pixels. It is
    never narrower than one source pixel, which makes magnification linear interpolation.
    """
    centre = start + (np.arange(count) + 0.5) * step
    half = max(step, 1.0) / 2
    begin = np.floor((centre - half) * QUANTA + 0.5 + TIE).astype(np.int64)
    end = np.floor((centre + half) * QUANTA + 0.5 + TIE).astype(np.int64)
    return begin, end


def source_range(begin: NDArray[np.int64], end: NDArray[np.int64]) -> tuple[int, int]:
    """Return the first source pixel that the spans touch and the one after the last."""
    return int(begin[0]) // QUANTA, -(-int(end[-1]) // QUANTA)


def weights(
    begin: NDArray[np.int64], end: NDArray[np.int64], dtype: type[np.int32] | type[np.float64]
) -> csr_array:
    """Return the sparse (outputs, sources) matrix of overlaps in quanta."""
    first, stop = source_range(begin, end)
    widest = int((-(-end // QUANTA) - begin // QUANTA).max())
    source = begin[:, None] // QUANTA + np.arange(widest)
    overlap = np.minimum(end[:, None], (source + 1) * QUANTA) - np.maximum(
        begin[:, None], source * QUANTA
    )
    there = overlap > 0
    ends = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
    return csr_array(
        (overlap[there].astype(dtype), source[there] - first, ends),
        shape=(len(begin), stop - first),
    )


def area_average(
    source: NDArray[np.uint8],
    horizontal: tuple[NDArray[np.int64], NDArray[np.int64]],
    vertical: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> NDArray[np.uint8]:
    """Average the source pixels under every output pixel.

    Args:
        source: uint8 (rows, columns, 3), exactly the ranges that the spans touch.
        horizontal: The columns' spans.
        vertical: The rows' spans.

    Returns:
        uint8 (output rows, output columns, 3).
    """
    step = _whole_step(*horizontal)
    if step in HALVINGS and step == _whole_step(*vertical):
        return _halved(source, step)
    columns, channels = source.shape[1:]
    widest = max(int((end - begin).max()) for begin, end in (horizontal, vertical)) / QUANTA
    # Both hold whole numbers exactly; only the narrow one is quick.
    dtype = np.int32 if widest < WIDEST_INT32 else np.float64
    across = weights(*horizontal, dtype)
    (begin, end), columns_wide = vertical, horizontal[1] - horizontal[0]
    output = np.empty((len(begin), len(columns_wide), channels), np.uint8)
    for top in range(0, len(begin), STRIP):
        strip = slice(top, top + STRIP)
        first, stop = (edge - begin[0] // QUANTA for edge in source_range(begin[strip], end[strip]))
        summed = weights(begin[strip], end[strip], dtype) @ source[first:stop].reshape(
            stop - first, -1
        )
        turned = cv2.transpose(summed.reshape(-1, columns, channels))
        total = cv2.transpose(
            (across @ turned.reshape(columns, -1)).reshape(len(columns_wide), -1, channels)
        )
        mean = total.astype(np.float64)
        mean *= 1.0 / np.multiply.outer(end[strip] - begin[strip], columns_wide)[:, :, None]
        mean += 0.5 + TIE
        output[strip] = mean
    return output


def _whole_step(begin: NDArray[np.int64], end: NDArray[np.int64]) -> int:
    """Return how many whole source pixels every output pixel covers, side by side; 0 if not so."""
    step = int(end[0] - begin[0])
    blocks = begin[0] + np.arange(len(begin)) * step
    aligned = begin[0] % QUANTA == 0 and step % QUANTA == 0
    same = np.array_equal(begin, blocks) and np.array_equal(end, blocks + step)
    return step // QUANTA if aligned and same else 0


def _halved(source: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """Average blocks of ``step``² pixels, to the same whole numbers as the general way."""
    area = step * step
    # Times the area, all means on the way are whole; OpenCV rounds those of uint8 half up.
    mean = source if step == 2 else source.astype(np.uint16) * np.uint16(area)
    for _ in range(HALVINGS[step]):
        size = mean.shape[1] // 2, mean.shape[0] // 2
        mean = cv2.resize(mean, size, interpolation=cv2.INTER_AREA)
    return mean if step == 2 else np.asarray((mean + area // 2) // area, np.uint8)
