"""Slides that OpenSlide opens: Aperio, Hamamatsu, MIRAX, Leica, Ventana, DICOM and others."""

import numpy as np
import openslide
from numpy.typing import NDArray

from carcinomap.errors import InputError
from carcinomap.slide.readers.mosaic import mosaic
from carcinomap.slide.readers.reader import DeclinedError, SlideFile, levels_of
from carcinomap.slide.white import on_white
from carcinomap.storage import AnyPath, open_copy

BLOCK = 512


class OpenSlideSlide(SlideFile):
    """A slide read through OpenSlide; of one that is elsewhere, a local copy."""

    reader = "openslide"

    def __init__(self, path: AnyPath, mpp: float | None = None) -> None:
        super().__init__(path, mpp)
        # OpenSlide opens a file again and again by its name: the copy must stay where it is.
        self._copy = open_copy(path, "slide")
        try:
            self._handle = openslide.OpenSlide(self._copy.path)
        except openslide.OpenSlideError as error:
            self._copy.close()
            raise DeclinedError(str(error)) from error
        try:
            self._describe(dict(self._handle.properties), levels_of(self._handle.level_dimensions))
        except InputError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._handle.close()
        self._copy.close()

    def associated_images(self) -> tuple[str, ...]:
        """Names of the extra images: label, macro, thumbnail."""
        return tuple(self._handle.associated_images)

    def _decode(self, level: int, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        if self._handle.level_downsamples[level].is_integer():
            return self._region(level, x, y, width, height)
        # OpenSlide is asked in level-0 pixels, which name a pixel of such a level only to a
        # fraction, and it interpolates. From fixed blocks, all windows see the same pixels.
        size = self.levels[level]

        def block(column: int, row: int) -> NDArray[np.uint8]:
            left, top = column * BLOCK, row * BLOCK
            wide, high = min(BLOCK, size.width - left), min(BLOCK, size.height - top)
            return self._region(level, left, top, wide, high)

        return mosaic((x, y), (width, height), (BLOCK, BLOCK), block)

    def _region(self, level: int, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        """Read pixels of a level and lay them on white."""
        downsample = self._handle.level_downsamples[level]
        corner = (round(x * downsample), round(y * downsample))
        try:
            image = self._handle.read_region(corner, level, (width, height))
        except openslide.OpenSlideError as error:
            raise InputError(f"{self.path}: its pixels cannot be read ({error})") from error
        return on_white(np.ascontiguousarray(image))
