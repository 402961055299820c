"""How the tiles of a TIFF image are coded, and decoding them to RGB.

The decoders let other threads run, and write into memory of the tile's true size: a tile that
claims to be larger is an error, not an allocation.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import cv2
import imagecodecs
import numpy as np
from numpy.typing import NDArray

from carcinomap.slide.white import WHITE, on_white

JPEG, APERIO_YCBCR, APERIO_RGB, JPEG2000, WEBP = 7, 33003, 33005, 34712, 50001
UNCOMPRESSED = 1
CODESTREAM = b"\xff\x4f\xff\x51"  # where JPEG 2000 pixels begin: start marker, size marker
CODESTREAM_WITHIN = 4096  # bytes of JP2 boxes that may stand before it

_UNPACK: dict[int, Callable[..., bytes | bytearray]] = {
    5: imagecodecs.lzw_decode,
    8: imagecodecs.deflate_decode,
    32773: imagecodecs.packbits_decode,
    32946: imagecodecs.deflate_decode,
    50000: imagecodecs.zstd_decode,
}
COMPRESSIONS = frozenset([UNCOMPRESSED, JPEG, APERIO_YCBCR, APERIO_RGB, JPEG2000, WEBP, *_UNPACK])


class Colour(Enum):
    """What the samples of a pixel mean."""

    GREY = "grey"
    INVERTED_GREY = "grey, white is 0"
    RGB = "red, green, blue"
    YCBCR = "luminance and two differences"
    RGBA = "red, green, blue, opacity"
    PREMULTIPLIED = "colours multiplied by their opacity, opacity"

    @property
    def samples(self) -> int:
        """Samples of a pixel."""
        if self in (Colour.GREY, Colour.INVERTED_GREY):
            return 1
        return 3 if self in (Colour.RGB, Colour.YCBCR) else 4


@dataclass(frozen=True)
class TileCodec:
    """What decodes a tile.

    Attributes:
        compression: TIFF's number of it.
        colour: Meaning of the samples.
        width: The tile's width in pixels.
        height: Its height.
        differences: Samples are differences to their left neighbours (TIFF's predictor 2).
        tables: JPEG tables that the tiles share.
    """

    compression: int
    colour: Colour
    width: int
    height: int
    differences: bool = False
    tables: bytes | None = None

    @property
    def raw_bytes(self) -> int:
        """Bytes of a tile before it was compressed."""
        return self.width * self.height * self.colour.samples

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        """Return the tile's pixels: uint8 (height, width, 3), RGB.

        Raises:
            Exception: Any that a decoder comes up with; the data are no such tile.
        """
        if self.compression == JPEG:
            return self._jpeg(data)
        if self.compression in (APERIO_YCBCR, APERIO_RGB, JPEG2000):
            pixels = self._jpeg2000(data)
        elif self.compression == WEBP:
            pixels = self._empty()
            imagecodecs.webp_decode(data, hasalpha=self.colour.samples == 4, out=pixels)
        else:
            pixels = self._unpacked(data)
        return _rgb(pixels, self.colour)

    def _empty(self) -> NDArray[np.uint8]:
        return np.empty((self.height, self.width, self.colour.samples), np.uint8)

    def _jpeg(self, data: bytes) -> NDArray[np.uint8]:
        # The TIFF tag says what the samples mean, not the JPEG: Aperio stores RGB without
        # telling the JPEG so. The decoder turns YCbCr and grey to RGB on its way.
        kind = {Colour.GREY: "GRAYSCALE", Colour.YCBCR: "YCBCR"}.get(self.colour, "RGB")
        pixels = np.empty((self.height, self.width, 3), np.uint8)
        imagecodecs.jpeg8_decode(
            data, tables=self.tables, colorspace=kind, outcolorspace="RGB", out=pixels
        )
        return pixels

    def _jpeg2000(self, data: bytes) -> NDArray[np.uint8]:
        # The decoder takes memory for whatever size the header claims, so it is looked at first.
        if _jpeg2000_shape(data) != (self.height, self.width, self.colour.samples):
            raise ValueError("JPEG 2000 of another size, or subsampled")
        pixels = self._empty()
        out = pixels[:, :, 0] if self.colour.samples == 1 else pixels
        imagecodecs.jpeg2k_decode(data, out=out)
        return pixels

    def _unpacked(self, data: bytes) -> NDArray[np.uint8]:
        if self.compression != UNCOMPRESSED:
            data = bytes(_UNPACK[self.compression](data, out=self.raw_bytes))
        if len(data) < self.raw_bytes:
            raise ValueError("a tile ends early")
        pixels = np.frombuffer(data, np.uint8, self.raw_bytes).reshape(self.height, self.width, -1)
        if self.differences:
            return np.asarray(imagecodecs.delta_decode(pixels, axis=-2))
        return pixels


def _jpeg2000_shape(data: bytes) -> tuple[int, int, int] | None:
    """Return (height, width, samples) of a JPEG 2000 image that is not subsampled."""
    start = data.find(CODESTREAM, 0, CODESTREAM_WITHIN)
    if start < 0:
        return None
    right, bottom, left, top = struct.unpack_from(">4I", data, start + 8)
    (samples,) = struct.unpack_from(">H", data, start + 40)
    parts = data[start + 42 : start + 42 + 3 * samples]
    # Of each sample: its depth, its steps across and down.
    if len(parts) < 3 * samples or set(parts[0::3]) != {7} or set(parts[1::3] + parts[2::3]) != {1}:
        return None
    return bottom - top, right - left, samples


def _rgb(pixels: NDArray[np.uint8], colour: Colour) -> NDArray[np.uint8]:
    if colour is Colour.RGB:
        return pixels
    if colour is Colour.YCBCR:
        # OpenCV wants the two colour differences the other way round.
        return np.asarray(
            cv2.cvtColor(np.ascontiguousarray(pixels[:, :, [0, 2, 1]]), cv2.COLOR_YCrCb2RGB)
        )
    if colour.samples == 1:
        grey = WHITE - pixels if colour is Colour.INVERTED_GREY else pixels
        return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB))
    return on_white(pixels, premultiplied=colour is Colour.PREMULTIPLIED)
