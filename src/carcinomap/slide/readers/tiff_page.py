"""One page of a TIFF file as tiles or strips that can be fetched and decoded one by one."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carcinomap.slide.readers.reader import (
    LARGEST_PLAIN,
    MAKE_A_PYRAMID,
    DeclinedError,
    RefusedError,
)
from carcinomap.slide.readers.tiff_codec import (
    APERIO_RGB,
    APERIO_YCBCR,
    COMPRESSIONS,
    JPEG,
    Colour,
    TileCodec,
)

TILE_TAGS = 324, 325  # where each tile begins, how many bytes it has
STRIP_TAGS = 273, 279
PREDICTOR_NONE, PREDICTOR_DIFFERENCES = 1, 2

# (photometric interpretation, samples, meaning of the fourth sample)
_COLOURS = {
    (0, 1, ()): Colour.INVERTED_GREY,
    (1, 1, ()): Colour.GREY,
    (2, 3, ()): Colour.RGB,
    (2, 4, (1,)): Colour.PREMULTIPLIED,
    (2, 4, (2,)): Colour.RGBA,
}


@dataclass(frozen=True)
class TiledImage:
    """An image in tiles, or in strips, which are tiles as wide as the image.

    Attributes:
        width: Width in pixels.
        height: Height in pixels.
        codec: What decodes a tile.
        offsets: Where each tile begins in the file, row by row: uint64 (tiles,).
        counts: How many bytes each has, 0 where it is missing: uint64 (tiles,).
        last: What decodes the last strip, which has only the rows that are left.
    """

    width: int
    height: int
    codec: TileCodec
    offsets: NDArray[np.uint64]
    counts: NDArray[np.uint64]
    last: TileCodec

    @property
    def columns(self) -> int:
        """Tiles side by side."""
        return -(-self.width // self.codec.width)

    @property
    def sparse(self) -> bool:
        """Some tiles are missing."""
        return not self.counts.all()

    def codec_of(self, index: int) -> TileCodec:
        """Return what decodes the tile of an index."""
        return self.last if index == len(self.offsets) - 1 else self.codec


def tiled_image(page: Any) -> TiledImage:
    """Return what a page holds.

    Args:
        page: The page as tifffile sees it.

    Raises:
        DeclinedError: It is no image of 8-bit colour or grey, or not one that is coded in a way
            this reader knows.
        RefusedError: It could only be read in pieces that are too large to hold.
    """
    if {page.bitspersample, page.sampleformat} != {8, 1}:
        raise DeclinedError("not 8 bits per sample")
    if page.planarconfig != 1 or page.imagedepth != 1 or page.fillorder != 1:
        raise DeclinedError("separate colour planes, or another rare arrangement")
    width, height = int(page.imagewidth), int(page.imagelength)
    if min(width, height) < 1:
        raise DeclinedError("no pixels")
    if page.is_tiled:
        codec = last = _codec(page, int(page.tilewidth), int(page.tilelength))
    else:
        if width * height > LARGEST_PLAIN:
            raise RefusedError(f"{width} × {height} pixels are {MAKE_A_PYRAMID}")
        codec = _codec(page, width, min(int(page.rowsperstrip), height))
        last = replace(codec, height=height - (height - 1) // codec.height * codec.height)
    tiles = -(-width // codec.width) * -(-height // codec.height)
    tags = TILE_TAGS if page.is_tiled else STRIP_TAGS
    tables = [page.tags.valueof(tag) for tag in tags]
    if any(table is None or len(table) != tiles for table in tables):
        raise DeclinedError(f"{tiles} tiles, of which it does not say where they are")
    offsets, counts = (np.array(table, np.uint64) for table in tables)
    return TiledImage(width, height, codec, offsets, counts, last)


def _codec(page: Any, width: int, height: int) -> TileCodec:
    if min(width, height) < 1:
        raise DeclinedError("tiles of no size")
    if width * height > LARGEST_PLAIN:
        raise RefusedError(f"tiles of {width} × {height} pixels are too large")
    compression = int(page.compression)
    if compression not in COMPRESSIONS:
        raise DeclinedError(f"compression {compression}")
    if page.predictor not in (PREDICTOR_NONE, PREDICTOR_DIFFERENCES):
        raise DeclinedError(f"predictor {page.predictor}")
    return TileCodec(
        compression=compression,
        colour=_colour(page, compression),
        width=width,
        height=height,
        differences=page.predictor == PREDICTOR_DIFFERENCES,
        tables=page.jpegtables,
    )


def _colour(page: Any, compression: int) -> Colour:
    photometric, samples = int(page.photometric), int(page.samplesperpixel)
    # Aperio's two kinds of JPEG 2000 name the colours, whatever else the page says.
    if samples == 3 and compression in (APERIO_YCBCR, APERIO_RGB):
        return Colour.YCBCR if compression == APERIO_YCBCR else Colour.RGB
    if (photometric, samples) == (6, 3) and compression == JPEG:
        return Colour.YCBCR
    colour = _COLOURS.get((photometric, samples, tuple(page.extrasamples)))
    # A JPEG cannot say that white is 0, nor hold opacity.
    if colour is None or (compression == JPEG and colour not in (Colour.GREY, Colour.RGB)):
        raise DeclinedError(f"photometric interpretation {photometric}, {samples} samples")
    return colour
