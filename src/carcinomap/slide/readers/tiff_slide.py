"""TIFF slides, tile by tile: Aperio, OME-TIFF, plain TIFF with or without a pyramid.

Faster than OpenSlide on the same pixels: tiles are decoded straight to RGB, by as many threads
as ask. What other vendors make of TIFF is OpenSlide's to know.
"""

from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from carcinomap.errors import CarcinomapError, InputError
from carcinomap.slide.readers.mosaic import mosaic
from carcinomap.slide.readers.reader import DeclinedError, SlideFile, levels_of
from carcinomap.slide.readers.tiff_page import TiledImage
from carcinomap.slide.readers.tiff_structure import read_structure
from carcinomap.slide.readers.tile_cache import TileCache
from carcinomap.slide.white import WHITE
from carcinomap.storage import AnyPath, is_remote, open_bytes

CACHE_BYTES = 32_000_000  # about as many tiles as one row of windows shares with the next
# Compressed tiles are smaller than pixels; noise may make one a little larger.
LARGEST_PER_PIXEL = 8


class TiffSlide(SlideFile):
    """A slide in a TIFF file; if that is elsewhere, only the tiles that are needed travel."""

    reader = "tiff"
    holds = CACHE_BYTES

    def __init__(self, path: AnyPath, mpp: float | None = None) -> None:
        super().__init__(path, mpp)
        self._source = open_bytes(path)
        try:
            structure = read_structure(self._source)
            self._associated = structure.associated
            self._images = structure.images
            self._describe(
                structure.properties, levels_of([(i.width, i.height) for i in structure.images])
            )
            self._cache = TileCache(CACHE_BYTES)
            self._try_every_level()
        except BaseException:
            self._source.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._source.close()
        self._cache.clear()

    def associated_images(self) -> tuple[str, ...]:
        """Names of the extra images: label, macro, thumbnail."""
        return self._associated

    def _try_every_level(self) -> None:
        """Decode a tile of each: OpenSlide may know what this reader stumbles over."""
        for level, image in enumerate(self._images):
            try:
                self._decoded(image, int((image.counts > 0).argmax()))
            except CarcinomapError:  # of the storage, not of the file
                raise
            except Exception as error:
                raise DeclinedError(f"tiles of level {level} cannot be decoded: {error}") from error

    def _decode(self, level: int, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        image = self._images[level]
        wide, high = image.codec.width, image.codec.height
        rows = range(y // high, -(-(y + height) // high))
        columns = range(x // wide, -(-(x + width) // wide))
        fetched = self._fetched(level, rows, columns) if is_remote(self.path) else {}

        def tile(column: int, row: int) -> NDArray[np.uint8]:
            index = row * image.columns + column
            return self._tile(level, index, fetched.get(index))

        return mosaic((x, y), (width, height), (wide, high), tile)

    def _fetched(self, level: int, rows: range, columns: range) -> dict[int, bytes]:
        """Fetch the tiles of a rectangle together: a request takes longer than a few tiles."""
        image = self._images[level]
        indices = [row * image.columns + column for row in rows for column in columns]
        wanted = [index for index in indices if self._cache.get((level, index)) is None]
        pieces: dict[int, tuple[int, int]] = {}
        for index in wanted:
            with suppress(ValueError):  # told when the tile is decoded
                pieces[index] = self._piece(image, index)
        return dict(zip(pieces, self._source.read_pieces(list(pieces.values())), strict=True))

    def _tile(self, level: int, index: int, content: bytes | None) -> NDArray[np.uint8]:
        tile = self._cache.get((level, index))
        if tile is None:
            try:
                tile = self._decoded(self._images[level], index, content)
            except CarcinomapError:
                raise
            except Exception as error:  # damaged tiles make decoders fail in any way there is
                raise InputError(
                    f"{self.path}: its pixels cannot be read (tile {index} of level {level}: "
                    f"{error})"
                ) from error
            self._cache.put((level, index), tile)
        return tile

    def _decoded(
        self, image: TiledImage, index: int, content: bytes | None = None
    ) -> NDArray[np.uint8]:
        """Decode a tile, which is fetched unless its content is there; a missing one is white."""
        codec = image.codec_of(index)
        offset, count = self._piece(image, index)
        if count == 0:
            return np.full((codec.height, codec.width, 3), WHITE, np.uint8)
        return codec.decode(content or self._source.read_at(offset, count))

    def _piece(self, image: TiledImage, index: int) -> tuple[int, int]:
        """Return where a tile is in the file, offset and bytes."""
        offset, count = int(image.offsets[index]), int(image.counts[index])
        codec = image.codec_of(index)
        if offset + count > self._source.size:
            raise ValueError("it reaches beyond the end of the file")
        if count > LARGEST_PER_PIXEL * codec.width * codec.height:
            raise ValueError(f"it claims {count} bytes")
        return offset, count
