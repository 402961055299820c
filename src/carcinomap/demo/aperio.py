"""The slide file: a pyramid of JPEG tiles with the descriptions of an Aperio scanner."""

from pathlib import Path

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from carcinomap.files import atomic_path

_TILE = 256
_QUALITY = 85
_THUMBNAIL = 768  # longest side in pixels
_LIBRARY = "Aperio Image Library v12.4.0"


def write_svs(path: Path, image: NDArray[np.uint8], mpp: float) -> None:
    """Write an image as an Aperio slide, with levels reduced by 4 for as long as they fill a tile.

    Args:
        path: The ``.svs`` file.
        image: RGB, uint8 (height, width, 3).
        mpp: Microns per pixel of the image.
    """
    height, width = image.shape[:2]
    scan = f"JPEG/RGB Q={_QUALITY}|AppMag = {round(10 / mpp)}|MPP = {mpp:.4f}"
    size = f"{width}x{height}"

    with atomic_path(path) as temporary, tifffile.TiffWriter(temporary) as tiff:

        def page(pixels: NDArray[np.uint8], description: str, tile: tuple[int, int] | None) -> None:
            tiff.write(
                pixels,
                photometric="rgb",
                compression="jpeg",
                compressionargs={"level": _QUALITY},
                tile=tile,
                rowsperstrip=None if tile else 16,
                description=f"{_LIBRARY}\r\n{size} {description}{scan}",
                metadata=None,
                software=False,
            )

        def level(pixels: NDArray[np.uint8]) -> None:
            rows, columns = pixels.shape[:2]
            page(pixels, f"[0,0 {columns}x{rows}] ({_TILE}x{_TILE}) ", (_TILE, _TILE))

        level(image)
        # The second page of an Aperio slide is a thumbnail in strips; levels follow.
        thumbnail = _shrunken(image, max(1.0, max(width, height) / _THUMBNAIL))
        page(thumbnail, f"-> {thumbnail.shape[1]}x{thumbnail.shape[0]} - ", None)
        reduced = image
        while min(reduced.shape[:2]) >= 4 * _TILE:
            reduced = _shrunken(reduced, 4)
            level(reduced)


def _shrunken(image: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    """Average an image down by a factor; like Aperio, drop the last pixels that fill no whole."""
    height, width = image.shape[:2]
    rows, columns = int(height / factor), int(width / factor)
    used = image[: int(rows * factor), : int(columns * factor)]
    return np.asarray(cv2.resize(used, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
