"""Stains: how amounts of haematoxylin and eosin become the colours of a scanned slide.

Light is absorbed as Beer and Lambert found: a stain's optical density grows with its amount, and
densities add up. Every slide gets stains of its own, as laboratories, batches and scanners differ.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Absorption of red, green and blue light as measured by Ruifrok and Johnston (2001), and the
# reference of Macenko et al. (2009): two ends between which real slides lie.
_RUIFROK = np.array([[0.650, 0.704, 0.286], [0.072, 0.990, 0.105]])
_MACENKO = np.array([[0.563, 0.720, 0.406], [0.216, 0.801, 0.558]])


@dataclass(frozen=True)
class Stains:
    """The staining and the scanner of one slide.

    Attributes:
        vectors: Optical density per amount, float32 (stain, channel): haematoxylin and eosin in
            rows, red, green and blue in columns.
        glass: Brightness of bare glass, float32 (channel,), 0 to 255.
        noise: Standard deviation of the scanner's noise in grey levels.
        blur: Standard deviation of the scanner's blur in µm.
    """

    vectors: NDArray[np.float32]
    glass: NDArray[np.float32]
    noise: float
    blur: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Stains":
        """Draw the stains of a new slide."""
        between = rng.uniform(0.4, 1.0)
        vectors = (1 - between) * _RUIFROK + between * _MACENKO
        vectors = np.clip(vectors + rng.normal(0, 0.025, (2, 3)), 0.02, None)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        strength = rng.uniform([0.75, 0.5], [1.25, 0.95])[:, None]
        return cls(
            vectors=(vectors * strength).astype(np.float32),
            glass=(rng.uniform(232, 248) + rng.normal(0, 2.0, 3)).astype(np.float32),
            noise=float(rng.uniform(1.0, 2.5)),
            blur=float(rng.uniform(0.3, 0.5)),
        )

    def colour(
        self, haematoxylin: NDArray[np.float32], eosin: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Mix two amounts into light.

        Args:
            haematoxylin: Amount per pixel, float32 (height, width).
            eosin: Amount per pixel, float32 (height, width).

        Returns:
            RGB before noise and rounding, float32 (height, width, 3), 0 to 255.
        """
        # Channel by channel: three planes are much faster to fill than interleaved triples.
        planes = np.empty((3, *haematoxylin.shape), np.float32)
        for channel in range(3):
            density = haematoxylin * self.vectors[0, channel]
            density += eosin * self.vectors[1, channel]
            density *= np.float32(-np.log(10))
            np.exp(density, out=planes[channel])
            planes[channel] *= self.glass[channel]
        return np.moveaxis(planes, 0, -1)
