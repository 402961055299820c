"""The contract of a slide, stated once for every kind of file.

A kind of file knows its levels and how to decode a rectangle of one; the reading in physical
units, the resampling, thumbnails and the behaviour outside the slide are shared.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from carcinomap.slide.resample import area_average, source_range, spans
from carcinomap.slide.white import WHITE
from carcinomap.storage import AnyPath

# One read decodes at most this many source pixels at a time, so that a thumbnail of a slide
# without a pyramid takes no more memory than any other read.
SOURCE_PIXELS = 16_000_000
# A level a little coarser than asked for (rounded metadata) still counts as fine enough.
LEVEL_TOLERANCE = 1.01
MICRONS_AT_1X = 10.0  # objectives times microns per pixel: 0.25 at 40x, 0.5 at 20x


@dataclass(frozen=True)
class Level:
    """One resolution of the pyramid: size in its own pixels, level-0 pixels per own pixel."""

    width: int
    height: int
    downsample: float


class Slide(ABC):
    """An open whole-slide image; a context manager, picklable, safe to read from many threads.

    Attributes:
        path: The file, or its address.
        name: The file's name without suffix; results are named after it.
        vendor: Who made the format, as the reader names it.
        reader: Which reader has opened it.
        mpp: Microns per level-0 pixel.
        mpp_source: Who says so: ``vendor``, ``resolution tags`` or ``given``.
        levels: From the finest (level 0) to the coarsest.
        properties: Metadata under OpenSlide's names, whichever reader reads them.
        objective: Magnification of the scanner's objective, as the file says it, if it does.
        holds: Bytes of decoded pixels that it keeps at most while it is open.
    """

    path: AnyPath
    vendor: str
    reader: str
    mpp: float
    mpp_source: str = "given"
    levels: tuple[Level, ...]
    properties: Mapping[str, str]
    objective: str | None = None
    holds: int = 0

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return self.path.stem

    @property
    def width(self) -> int:
        """Level-0 width in pixels."""
        return self.levels[0].width

    @property
    def height(self) -> int:
        """Level-0 height in pixels."""
        return self.levels[0].height

    @property
    def area_mm2(self) -> float:
        """Area of the whole image in mm²."""
        return self.width * self.height * self.mpp**2 / 1e6

    @property
    def bounds_origin(self) -> tuple[int, int]:
        """Level-0 corner (x, y) of the part that was scanned; (0, 0) where the file names none.

        QuPath counts from there.
        """
        return self._bound("openslide.bounds-x"), self._bound("openslide.bounds-y")

    @property
    def objective_note(self) -> str:
        """The objective's magnification in words, with what is usual where the file is silent."""
        if self.objective:
            return f"{self.objective}x"
        return f"not told; by its {self.mpp:g} µm per pixel about {MICRONS_AT_1X / self.mpp:.2g}x"

    def _bound(self, key: str) -> int:
        try:
            value = float(self.properties.get(key, "0"))
        except ValueError:
            return 0
        return round(value) if math.isfinite(value) else 0

    @abstractmethod
    def close(self) -> None:
        """Close the file."""

    @abstractmethod
    def associated_images(self) -> tuple[str, ...]:
        """Names of the extra images: label, macro, thumbnail."""

    @abstractmethod
    def _decode(self, level: int, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        """Decode a rectangle of a level, wholly inside it: uint8 (height, width, 3), to be kept."""

    def read(self, x: float, y: float, width: int, height: int, mpp: float) -> NDArray[np.uint8]:
        """Read a region at any resolution.

        Output pixel (i, j) is centred at level-0 ``x + (j + ½)·r, y + (i + ½)·r`` with
        ``r = mpp / slide.mpp`` and is the average over its area in the nearest finer level.

        Args:
            x: Level-0 column of the top-left corner; may lie outside the slide.
            y: Level-0 row of the top-left corner.
            width: Output width in pixels.
            height: Output height in pixels.
            mpp: Microns per output pixel.

        Returns:
            uint8 (height, width, 3) RGB; white outside the slide and where it is transparent.

        Raises:
            InputError: The file's pixels cannot be decoded.
        """
        index = self._level_for(mpp)
        step = mpp / self.mpp / self.levels[index].downsample
        pieces = list(_pieces(width, height, step))
        if len(pieces) == 1:
            return self._read_piece(index, x, y, step, pieces[0])
        output = np.empty((height, width, 3), np.uint8)
        for piece in pieces:
            top, bottom, left, right = piece
            output[top:bottom, left:right] = self._read_piece(index, x, y, step, piece)
        return output

    def size_at(self, mpp: float) -> tuple[int, int]:
        """Return (width, height) in pixels that cover the whole slide at ``mpp``."""
        scale = self.mpp / mpp
        # The tolerance keeps 1000 × 0.5 / 0.5 at 1000 where floats say 1000.0000000000001.
        return (
            max(1, math.ceil(self.width * scale - 1e-6)),
            max(1, math.ceil(self.height * scale - 1e-6)),
        )

    def thumbnail(self, max_side: int) -> tuple[NDArray[np.uint8], float]:
        """Return the whole slide, its longer side at most ``max_side`` pixels, and its mpp."""
        mpp = self.mpp * max(1.0, max(self.width, self.height) / max_side)
        width, height = self.size_at(mpp)
        return self.read(0, 0, width, height, mpp), mpp

    def _level_for(self, mpp: float) -> int:
        """Return the coarsest level that is at least as fine as ``mpp``."""
        wanted = mpp / self.mpp * LEVEL_TOLERANCE
        fine = [i for i, level in enumerate(self.levels) if level.downsample <= wanted]
        return max(fine, key=lambda i: self.levels[i].downsample, default=0)

    def _read_piece(
        self, index: int, x: float, y: float, step: float, piece: tuple[int, int, int, int]
    ) -> NDArray[np.uint8]:
        """Read (top, bottom, left, right) of an output rectangle whose corner is at (x, y)."""
        top, bottom, left, right = piece
        downsample = self.levels[index].downsample
        across = spans(x / downsample + left * step, step, right - left)
        down = spans(y / downsample + top * step, step, bottom - top)
        source = self._decode_padded(index, *source_range(*across), *source_range(*down))
        if step == 1 and source.shape[:2] == (bottom - top, right - left):
            return source
        return area_average(source, across, down)

    def _decode_padded(
        self, index: int, left: int, right: int, top: int, bottom: int
    ) -> NDArray[np.uint8]:
        """Decode a rectangle of a level that may reach beyond it, white there."""
        level = self.levels[index]
        x0, x1 = max(left, 0), min(right, level.width)
        y0, y1 = max(top, 0), min(bottom, level.height)
        if (x0, x1, y0, y1) == (left, right, top, bottom):
            return self._decode(index, left, top, right - left, bottom - top)
        padded = np.full((bottom - top, right - left, 3), WHITE, np.uint8)
        if x0 < x1 and y0 < y1:
            inside = self._decode(index, x0, y0, x1 - x0, y1 - y0)
            padded[y0 - top : y1 - top, x0 - left : x1 - left] = inside
        return padded

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _pieces(width: int, height: int, step: float) -> Iterator[tuple[int, int, int, int]]:
    """Cut an output rectangle into (top, bottom, left, right) of bounded source area."""
    side = math.sqrt(SOURCE_PIXELS) / max(step, 1.0)
    if width * height <= side * side:
        yield 0, height, 0, width
        return
    tile = max(1, int(side))
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            yield top, min(top + tile, height), left, min(left + tile, width)
