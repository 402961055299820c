"""Stains as the extreme hues of a slide.

Macenko et al., "A method for normalizing histology slides for quantitative analysis", ISBI 2009:
optical densities of two stains lie in a plane, between the directions of the one and the other.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from carcinomap.slide.stain.statistics import StainStatistics

EXTREME = 1.0  # percentile of the hues that is taken for a pure stain
MOST = 99.0  # percentile of the amounts

Densities = NDArray[np.float64]
BRIGHTEST = -10.0  # density; e¹⁰ times the light through glass


def stains_of(density: Densities) -> tuple[Densities, Densities, Densities]:
    """Return haematoxylin, eosin and the amounts of both that 1 % of the pixels exceed.

    Args:
        density: Optical densities (n, 3) of tissue.
    """
    # Without a matrix library, whose sums depend on its threads.
    _, vectors = np.linalg.eigh(np.einsum("ni,nj->ij", density, density))
    plane = vectors[:, :0:-1]
    plane = plane * np.where(plane.sum(axis=0) < 0, -1.0, 1.0)
    along, across = np.einsum("ni,ij->jn", density, plane)
    angles = np.percentile(np.arctan2(across, along), (EXTREME, 100 - EXTREME))
    ends = [plane @ (math.cos(angle), math.sin(angle)) for angle in angles]
    # Haematoxylin absorbs more red light than eosin does.
    eosin, haematoxylin = sorted(ends, key=lambda stain: float(stain[0]))
    amounts = np.einsum("ni,ij->nj", density, np.linalg.pinv(np.stack([haematoxylin, eosin])))
    return haematoxylin, eosin, np.percentile(amounts, MOST, axis=0)


def recoloured(
    light: NDArray[np.float32], source: StainStatistics, target: StainStatistics
) -> NDArray[np.float32]:
    """Return light through the stains of another slide, in its amounts.

    What is neither stain, such as pigment or ink, stays, and what is brighter than glass as well.

    Args:
        light: float32 (n, 1, 3), relative to that through glass.
        source: Of the slide.
        target: To be like.
    """
    scale = np.diag([*np.divide(target.most, source.most), 1.0])
    change = _stains(target) @ scale @ np.linalg.inv(_stains(source))
    density = -cv2.log(light)
    below = np.minimum(density, np.float32(0))
    changed = cv2.transform(density - below, change) + below
    # Statistics can ask for more light than a float holds; white ends far below.
    return np.asarray(cv2.exp(-np.maximum(changed, np.float32(BRIGHTEST))))


def _stains(statistics: StainStatistics) -> NDArray[np.float64]:
    """Return as columns haematoxylin, eosin, and the direction that is neither."""
    haematoxylin, eosin = np.array(statistics.haematoxylin), np.array(statistics.eosin)
    neither = np.cross(haematoxylin, eosin)
    return np.column_stack([haematoxylin, eosin, neither / np.linalg.norm(neither)])
