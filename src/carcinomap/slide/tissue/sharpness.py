"""How fine the detail is that a slide shows, place by place.

The measure is the energy of the Laplacian (LAPE of Pertuz, Puig and Garcia, "Analysis of focus
measure operators for shape-from-focus", 2013) over the local variance: a mean square frequency,
which does not depend on contrast. An even spectrum blurred by a Gaussian of σ pixels has 2 / σ⁴
of it (∫ω⁵ e^(-σ²ω²) dω / ∫ω e^(-σ²ω²) dω), whatever is depicted.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from carcinomap.slide.slide import Slide
from carcinomap.slide.tissue.mask import TissueMask

FOCUS_MPP = 2.0  # the second level of scans at 20× and at 40× alike is this fine
CELL = 32  # pixels: 64 µm, some nuclei
TILE = 32  # cells that are read at a time
NOISE = 0.7  # standard deviation in grey levels of what a scanner and JPEG leave of it
LEAST_CONTRAST = 3.0  # grey levels; where less is to be seen, nothing can be said of focus

Cells = NDArray[np.float32]


def blur_of(slide: Slide, tissue: TissueMask) -> Cells:
    """Measure how blurred a slide is in cells of ``CELL`` pixels of ``FOCUS_MPP``.

    Only tiles with tissue are read, one at a time.

    Returns:
        float32 (rows, columns): the σ in µm of the Gaussian blur that leaves as much detail as
        there is; 0 where there is no tissue or nothing to judge by.

    Raises:
        InputError: The file's pixels cannot be decoded.
    """
    width, height = slide.size_at(FOCUS_MPP)
    shape = (-(-height // CELL), -(-width // CELL))
    energy, variance = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    weight = np.zeros(shape, np.float32)
    for rows, columns, image, inside in _tiles(slide, tissue, shape):
        energy[rows, columns], variance[rows, columns] = detail_of(image)
        weight[rows, columns] = _per_cell(inside.astype(np.float32))
    judged = (weight > 0) & (variance > LEAST_CONTRAST**2)
    ratio = np.maximum(energy, 1e-6) / np.maximum(variance, 1e-6)
    blur = np.where(judged, FOCUS_MPP * (2 / ratio) ** 0.25, 0).astype(np.float32)
    return np.asarray(cv2.medianBlur(blur, 3))  # one cell alone may hold next to nothing


def detail_of(image: NDArray[np.uint8]) -> tuple[Cells, Cells]:
    """Return the energy of the Laplacian beyond noise's, and the variance, of every cell.

    Args:
        image: uint8 RGB, whole cells and one pixel more on every side.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    laplacian = cv2.Laplacian(grey, cv2.CV_32F)[1:-1, 1:-1]
    inner = grey[1:-1, 1:-1]
    # The four neighbours less four times the pixel: of noise, 4 + 16 times the variance.
    energy = np.maximum(_per_cell(laplacian**2) - 20 * NOISE**2, 0)
    return energy, np.maximum(_per_cell(inner**2) - _per_cell(inner) ** 2, 0)


def _tiles(
    slide: Slide, tissue: TissueMask, shape: tuple[int, int]
) -> Iterator[tuple[slice, slice, NDArray[np.uint8], NDArray[np.bool_]]]:
    """Read the tiles with tissue: their cells, their pixels and one around, and the mask."""
    scale = FOCUS_MPP / slide.mpp
    for top in range(0, shape[0], TILE):
        for left in range(0, shape[1], TILE):
            rows = slice(top, min(top + TILE, shape[0]))
            columns = slice(left, min(left + TILE, shape[1]))
            height, width = (CELL * (cells.stop - cells.start) for cells in (rows, columns))
            x, y = left * CELL, top * CELL
            inside = tissue.window(x * scale, y * scale, width, height, FOCUS_MPP)
            if inside.any():
                corner = ((x - 1) * scale, (y - 1) * scale)
                yield rows, columns, slide.read(*corner, width + 2, height + 2, FOCUS_MPP), inside


def _per_cell(plane: Cells) -> Cells:
    """Return the mean over every cell."""
    rows, columns = (side // CELL for side in plane.shape)
    return np.asarray(plane.reshape(rows, CELL, columns, CELL).mean(axis=(1, 3)))
