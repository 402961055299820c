"""Nuclei: a bank of small pictures of cell nuclei, ready to be stamped at any direction.

All kinds share one range of darkness, and their sizes overlap: a single nucleus says little about
the class it lies in, as on real slides.
"""

from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray


class Nucleus(Enum):
    """Kinds of nuclei, with the ranges of half their length and half their width in µm."""

    SPINDLE = ((5.5, 9.5), (1.3, 2.1))
    FLAT = ((3.6, 6.0), (1.4, 2.1))  # myoepithelium, endothelium
    SMALL = ((2.4, 3.3), (2.3, 3.1))  # lymphocytes, debris
    EPITHELIAL = ((3.6, 5.3), (2.7, 3.9))
    ATYPICAL = ((3.9, 5.9), (3.0, 4.5))


_DIRECTIONS = 16
_VARIANTS = 10


@dataclass(frozen=True)
class NucleusBank:
    """Pictures of nuclei.

    Attributes:
        pictures: Haematoxylin amounts, float32 (side, side), by kind, direction and variant.
    """

    pictures: dict[Nucleus, list[list[NDArray[np.float32]]]]

    @classmethod
    def draw(cls, rng: np.random.Generator, mpp: float, enlarged: float) -> "NucleusBank":
        """Draw the nuclei of a slide.

        Args:
            rng: Source of randomness.
            mpp: Microns per pixel.
            enlarged: Factor by which atypical nuclei are larger: the tumour's grade.
        """
        return cls(
            {
                kind: [
                    [_picture(rng, kind, direction, mpp, enlarged) for _ in range(_VARIANTS)]
                    for direction in np.arange(_DIRECTIONS) * np.pi / _DIRECTIONS
                ]
                for kind in Nucleus
            }
        )

    def choose(
        self, rng: np.random.Generator, kind: Nucleus, directions: NDArray[np.float64]
    ) -> list[NDArray[np.float32]]:
        """Return a picture for each direction (radians)."""
        rows = np.rint(directions * _DIRECTIONS / np.pi).astype(int) % _DIRECTIONS
        variants = rng.integers(_VARIANTS, size=len(rows))
        pictures = self.pictures[kind]
        return [pictures[row][variant] for row, variant in zip(rows, variants, strict=True)]


def _picture(
    rng: np.random.Generator, kind: Nucleus, direction: float, mpp: float, enlarged: float
) -> NDArray[np.float32]:
    """Draw one nucleus: an uneven ellipse with clumped chromatin and a dark rim."""
    grow = enlarged if kind is Nucleus.ATYPICAL else 1.0
    length, width = (rng.uniform(*limits) * grow / mpp for limits in kind.value)
    side = 2 * int(np.ceil(length * 1.15)) + 3
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    along = x * np.cos(direction) + y * np.sin(direction)
    across = y * np.cos(direction) - x * np.sin(direction)
    bent = across + rng.normal(0, 0.12) * along**2 / length
    angle = np.arctan2(bent / width, along / length)
    uneven = 1 + 0.08 * np.cos(3 * angle + rng.uniform(0, 7)) * rng.normal()
    radius = np.hypot(along / length, bent / width) / uneven
    inside = np.clip((1 - radius) * width + 0.5, 0, 1)
    grain = max(0.8 / mpp, 0.4)
    clumps = cv2.GaussianBlur(rng.normal(0, 1, (side, side)), (0, 0), grain)
    clumps *= 0.16 / max(float(clumps.std()), 1e-9)
    rim = 0.16 * np.exp(-(((radius - 0.85) / 0.15) ** 2))
    amount = rng.uniform(0.62, 1.05) + rim + clumps
    return np.asarray(np.clip(amount, 0.35, 1.5) * inside, np.float32)
