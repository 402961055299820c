"""Colours by their mean and spread in lαβ.

Reinhard et al., "Color transfer between images", IEEE CG&A 21, 2001; the space is that of
Ruderman et al., "Statistics of cone responses to natural images", JOSA A 15, 1998.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from carcinomap.slide.stain.statistics import StainStatistics

# Light to the responses of the eye's three cones; equation 4 of Reinhard et al.
TO_CONES = np.array([[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]])
# Their logarithms to l, α and β; equation 6.
TO_LAB = np.diag([3**-0.5, 6**-0.5, 2**-0.5]) @ np.array([[1, 1, 1], [1, 1, -2], [1, -1, 0]])
LEAST_RESPONSE = 1e-4  # of the cones; 1/40 of a grey level
MOST_RESPONSE = 100.0  # far above white; infinities would not subtract
STAINED = 0.15  # optical density from which on a pixel is wholly tissue

Colours = NDArray[np.float32]


def lab_of(light: Colours) -> Colours:
    """Return lαβ, float32 (n, 1, 3), of light relative to that through glass, of the same form."""
    cones = cv2.transform(light, TO_CONES)
    return np.asarray(cv2.transform(cv2.log(np.maximum(cones, np.float32(LEAST_RESPONSE))), TO_LAB))


def recoloured(light: Colours, source: StainStatistics, target: StainStatistics) -> Colours:
    """Return light with the mean and spread of another slide.

    The method shifts glass as far as tissue. So that glass stays, a pixel is changed only in
    proportion to its density where that is below ``STAINED``.

    Args:
        light: float32 (n, 1, 3), relative to that through glass.
        source: Of the slide.
        target: To be like.
    """
    lab = lab_of(light)
    scale = np.divide(target.spread, source.spread)
    wanted = cv2.transform(
        lab, np.column_stack([np.diag(scale), target.mean - scale * source.mean])
    )
    density = lab[:, :, :1] * np.float32(-(3**-0.5))  # l is √3 times the mean of the logarithms
    share = np.clip(density / np.float32(STAINED), 0, 1)
    responses = cv2.exp(cv2.transform(lab + share * (wanted - lab), np.linalg.inv(TO_LAB)))
    cones = np.minimum(responses, np.float32(MOST_RESPONSE))
    return np.asarray(cv2.transform(cones, np.linalg.inv(TO_CONES)))
