"""Texture: mottled cytoplasm and wavy collagen, from random numbers that are smoothed and bent."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from carcinomap.demo.shapes import Points

_TILE = 1024  # side in pixels of the textures that repeat


def smooth_noise(
    rng: np.random.Generator, height: int, width: int, wavelength: float
) -> NDArray[np.float32]:
    """Return noise of about unit variance that changes over ``wavelength`` pixels.

    Returns:
        float32 (height, width).
    """
    rows, columns = (int(np.ceil(side / wavelength)) + 3 for side in (height, width))
    coarse = rng.normal(0, 1, (rows, columns)).astype(np.float32)
    # The grid hangs at a random offset. Interpolation takes a seventh of the deviation away.
    scale = np.float32(1 / wavelength)
    shift = rng.uniform(0, 1, 2)
    matrix = np.array([[scale, 0, 0.5 + shift[0]], [0, scale, 0.5 + shift[1]]], np.float32)
    fine = cv2.warpAffine(
        coarse,
        matrix,
        (width, height),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT,
    )
    return np.asarray(fine * np.float32(1.17), np.float32)


def mottle(rng: np.random.Generator, grain: float) -> NDArray[np.float32]:
    """Return a granular texture that repeats without a seam.

    Args:
        rng: Source of randomness.
        grain: Size of the grains in pixels.

    Returns:
        float32 (1024, 1024), mean 0, variance 1.
    """
    return _standardised(_blurred(rng, grain, grain) + 0.7 * _blurred(rng, 4 * grain, 4 * grain))


def _blurred(rng: np.random.Generator, across: float, down: float) -> NDArray[np.float32]:
    """White noise smoothed with a Gaussian around the edges of the tile, as if it repeated."""
    noise = np.fft.rfft2(rng.normal(0, 1, (_TILE, _TILE)))
    wave_y = np.fft.fftfreq(_TILE)[:, None] * down
    wave_x = np.fft.rfftfreq(_TILE)[None] * across
    noise *= np.exp(-2 * np.pi**2 * (wave_x**2 + wave_y**2))
    return _standardised(np.fft.irfft2(noise, (_TILE, _TILE)))


def _standardised(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Shift and scale to mean 0 and variance 1."""
    return np.asarray((values - values.mean()) / values.std(), np.float32)


@dataclass(frozen=True)
class Fibres:
    """Collagen fibres: bundles that wave over the slide.

    A straight-grained texture is bent by a height field: a fibre runs where
    ``y + bend(x, y)`` stays the same.

    Attributes:
        density: How much collagen there is, float32 (height, width), mean 0, variance about 1.
        mpp: Microns per pixel of ``density``.
        bend: The bending in pixels on a grid ``step`` times as coarse, float32.
        step: Pixels of ``density`` per pixel of ``bend``.
    """

    density: NDArray[np.float32]
    mpp: float
    bend: NDArray[np.float32]
    step: int

    @classmethod
    def draw(cls, rng: np.random.Generator, height: int, width: int, mpp: float) -> "Fibres":
        """Draw the fibres of a slide of that many pixels."""
        um = 1 / mpp
        step = 8
        rows, columns = height // step + 2, width // step + 2
        bend = np.zeros((rows, columns), np.float32)
        # Bundles turn over half a millimetre and are crimped over tens of microns.
        for wavelength, height_um in ((500, 130), (150, 21), (45, 7), (18, 2.4)):
            wave = smooth_noise(rng, rows, columns, wavelength * um / step)
            bend += np.float32(height_um * um) * wave
        grain = _blurred(rng, 26 * um, 1.3 * um) + np.float32(0.8) * _blurred(rng, 60 * um, 4 * um)
        size = (columns * step, rows * step)
        offset_y = cv2.resize(bend, size, interpolation=cv2.INTER_CUBIC)[:height, :width]
        offset_y += np.arange(height, dtype=np.float32)[:, None]
        offset_x = np.broadcast_to(np.arange(width, dtype=np.float32), (height, width))
        density = cv2.remap(
            _standardised(grain),
            np.ascontiguousarray(offset_x),
            offset_y,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )
        return cls(density, mpp, bend, step)

    def direction(self, points: Points) -> NDArray[np.float64]:
        """Return the direction of the fibres at points in µm, in radians, float64 (n,)."""
        slope_y: NDArray[np.float64] = np.gradient(self.bend.astype(np.float64), self.step, axis=0)
        slope_x: NDArray[np.float64] = np.gradient(self.bend.astype(np.float64), self.step, axis=1)
        index = (points / (self.mpp * self.step)).astype(int)
        row = np.clip(index[:, 1], 0, self.bend.shape[0] - 1)
        column = np.clip(index[:, 0], 0, self.bend.shape[1] - 1)
        angle: NDArray[np.float64] = np.arctan2(-slope_x[row, column], 1.0 + slope_y[row, column])
        return angle
