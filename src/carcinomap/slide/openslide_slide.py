"""Slides that OpenSlide opens: Aperio, Hamamatsu, MIRAX, Leica, Ventana, DICOM and others."""

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openslide
from numpy.typing import NDArray

from carcinomap.errors import InputError
from carcinomap.slide.slide import WHITE, Level, Slide

MPP_AGREEMENT = 0.01  # relative difference of x and y up to which pixels count as square
BLOCK = 512
OPAQUE = 0xFF000000


class MissingMppError(InputError):
    """The file does not say how many microns a pixel has, and nobody else did."""


class OpenSlideSlide(Slide):
    """A slide read through OpenSlide.

    Args:
        path: The file.
        mpp: Microns per level-0 pixel, overriding the file's own; None takes the file's.

    Raises:
        InputError: The file is no slide, has no mpp and none is given, or its pixels are not
            square.
    """

    def __init__(self, path: Path, mpp: float | None = None) -> None:
        self.path = path
        self._given_mpp = mpp
        try:
            self._handle = openslide.OpenSlide(path)
        except openslide.OpenSlideError as error:
            raise InputError(f"{path}: not a slide that can be read ({error})") from error
        self.properties = dict(self._handle.properties)
        self.vendor = self.properties.get(openslide.PROPERTY_NAME_VENDOR, "unknown")
        self.objective = self.properties.get(openslide.PROPERTY_NAME_OBJECTIVE_POWER)
        self.levels = tuple(self._levels())
        try:
            self.mpp = self._file_mpp() if mpp is None else mpp
        except InputError:
            self._handle.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._handle.close()

    def associated_images(self) -> tuple[str, ...]:
        """Names of the extra images: label, macro, thumbnail."""
        return tuple(self._handle.associated_images)

    def __reduce__(self) -> tuple[Any, ...]:
        # An open file cannot travel to another process; opening it again there can.
        return (OpenSlideSlide, (self.path, self._given_mpp))

    def _levels(self) -> list[Level]:
        width, height = self._handle.dimensions
        return [
            Level(w, h, _true_downsample(width, height, w, h, given))
            for (w, h), given in zip(
                self._handle.level_dimensions, self._handle.level_downsamples, strict=True
            )
        ]

    def _file_mpp(self) -> float:
        x = _positive(self.properties.get(openslide.PROPERTY_NAME_MPP_X))
        y = _positive(self.properties.get(openslide.PROPERTY_NAME_MPP_Y))
        if x is None or y is None:
            raise MissingMppError(
                f"{self.path}: the file does not say how many microns a pixel has; "
                "give it with --mpp (0.25 is usual for 40x scans, 0.5 for 20x) or, to train and "
                "to evaluate, in a column 'mpp' of the cohort's CSV"
            )
        if abs(x - y) > MPP_AGREEMENT * max(x, y):
            raise InputError(
                f"{self.path}: {x:g} microns per pixel across but {y:g} down; "
                "say with --mpp which one is right"
            )
        return (x + y) / 2

    def _decode(self, level: int, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        if self._handle.level_downsamples[level].is_integer():
            return self._region(level, x, y, width, height)
        # OpenSlide is asked in level-0 pixels, which name a pixel of such a level only to a
        # fraction, and it interpolates. From fixed blocks, all windows see the same pixels.
        output = np.empty((height, width, 3), np.uint8)
        size = self.levels[level]
        for top in range(y - y % BLOCK, y + height, BLOCK):
            for left in range(x - x % BLOCK, x + width, BLOCK):
                right, bottom = min(left + BLOCK, size.width), min(top + BLOCK, size.height)
                block = self._region(level, left, top, right - left, bottom - top)
                x0, x1 = max(left, x), min(right, x + width)
                y0, y1 = max(top, y), min(bottom, y + height)
                output[y0 - y : y1 - y, x0 - x : x1 - x] = block[
                    y0 - top : y1 - top, x0 - left : x1 - left
                ]
        return output

    def _region(self, level: int, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        """Read pixels of a level and lay them on white."""
        downsample = self._handle.level_downsamples[level]
        corner = (round(x * downsample), round(y * downsample))
        try:
            image = self._handle.read_region(corner, level, (width, height))
        except openslide.OpenSlideError as error:
            raise InputError(f"{self.path}: its pixels cannot be read ({error})") from error
        rgba = np.ascontiguousarray(image)
        # Alpha is the highest byte of a little-endian pixel: one pass over whole pixels.
        if rgba.view("<u4").min() >= OPAQUE:
            return np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB))
        opacity = rgba[:, :, 3:].astype(np.uint16)
        mixed = rgba[:, :, :3] * opacity + WHITE * (WHITE - opacity)
        return ((mixed + WHITE // 2) // WHITE).astype(np.uint8)


def _positive(text: str | None) -> float | None:
    """Return the number in a metadata field if it can be a pixel size."""
    try:
        value = float(text) if text is not None else 0.0
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def _true_downsample(width: int, height: int, w: int, h: int, given: float) -> float:
    """Return the factor by which a level was made.

    OpenSlide divides the sizes, and those were rounded: 4443 / 2221 is a level made by 2.
    """
    whole = round(given)
    made_by_whole = w in (width // whole, -(-width // whole)) and h in (
        height // whole,
        -(-height // whole),
    )
    return float(whole) if made_by_whole else given
