"""TIFF slides, tile by tile: Aperio, OME-TIFF, plain TIFF with or without a pyramid.

Faster than OpenSlide on the same pixels: tiles are decoded straight to RGB, by as many threads
as ask. What other vendors make of TIFF is OpenSlide's to know.
"""

import os
import weakref
from pathlib import Path

import numpy as np
import openslide
from numpy.typing import NDArray

from carcinomap.errors import InputError
from carcinomap.slide.readers.mosaic import mosaic
from carcinomap.slide.readers.reader import DeclinedError, SlideFile, levels_of
from carcinomap.slide.readers.tiff_page import TiledImage
from carcinomap.slide.readers.tiff_structure import read_structure
from carcinomap.slide.readers.tile_cache import TileCache
from carcinomap.slide.white import WHITE

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
CACHE_BYTES = 32_000_000  # about as many tiles as one row of windows shares with the next
VENDORS = ("aperio", "generic-tiff", None)  # None: nothing that OpenSlide knows
# Compressed tiles are smaller than pixels; noise may make one a little larger.
LARGEST_PER_PIXEL = 8


class TiffSlide(SlideFile):
    """A slide in a TIFF file."""

    reader = "tiff"

    def __init__(self, path: Path, mpp: float | None = None) -> None:
        super().__init__(path, mpp)
        with path.open("rb") as file:
            if file.read(4) not in MAGIC:
                raise DeclinedError("no TIFF file")
        vendor = openslide.OpenSlide.detect_format(path)
        if vendor not in VENDORS:
            raise DeclinedError(f"a {vendor} file")
        structure = read_structure(path, aperio=vendor == "aperio")
        self._associated = structure.associated
        self._images = structure.images
        self._describe(
            structure.properties, levels_of([(i.width, i.height) for i in structure.images])
        )
        self._cache = TileCache(CACHE_BYTES)
        self._file = path.open("rb", buffering=0)
        # A slide that nobody closed, such as that of a worker which has ended, closes by itself.
        self._close_file = weakref.finalize(self, self._file.close)
        self._size = path.stat().st_size
        try:
            self._try_every_level()
        except DeclinedError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._close_file()
        self._cache.clear()

    def associated_images(self) -> tuple[str, ...]:
        """Names of the extra images: label, macro, thumbnail."""
        return self._associated

    def _try_every_level(self) -> None:
        """Decode a tile of each: OpenSlide may know what this reader stumbles over."""
        for level, image in enumerate(self._images):
            try:
                self._decoded(image, int((image.counts > 0).argmax()))
            except Exception as error:
                raise DeclinedError(f"tiles of level {level} cannot be decoded: {error}") from error

    def _decode(self, level: int, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        image = self._images[level]
        return mosaic(
            (x, y),
            (width, height),
            (image.codec.width, image.codec.height),
            lambda column, row: self._tile(level, row * image.columns + column),
        )

    def _tile(self, level: int, index: int) -> NDArray[np.uint8]:
        tile = self._cache.get((level, index))
        if tile is None:
            try:
                tile = self._decoded(self._images[level], index)
            except Exception as error:  # damaged tiles make decoders fail in any way there is
                raise InputError(
                    f"{self.path}: its pixels cannot be read (tile {index} of level {level}: "
                    f"{error})"
                ) from error
            self._cache.put((level, index), tile)
        return tile

    def _decoded(self, image: TiledImage, index: int) -> NDArray[np.uint8]:
        """Fetch and decode a tile; a missing one is white."""
        offset, count = int(image.offsets[index]), int(image.counts[index])
        codec = image.codec_of(index)
        if count == 0:
            return np.full((codec.height, codec.width, 3), WHITE, np.uint8)
        if offset + count > self._size:
            raise ValueError("it reaches beyond the end of the file")
        if count > LARGEST_PER_PIXEL * codec.width * codec.height:
            raise ValueError(f"it claims {count} bytes")
        return codec.decode(os.pread(self._file.fileno(), count, offset))
