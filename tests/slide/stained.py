"""Generated tissue of which it is known how it is stained."""

import cv2
import numpy as np
from overviews import MemorySlide

from carcinomap.slide.stain import StainStatistics

# Angles, and so amounts, are spread as in tissue: from nuclei, almost without eosin, to stroma.
PURPLE = StainStatistics(
    glass=(243.0, 242.0, 244.0),
    haematoxylin=(0.6, 0.7, 0.387298),
    eosin=(0.1, 0.9, 0.424264),
    most=(1.6, 0.9),
    mean=(-0.9, -0.13, 0.05),
    spread=(0.4, 0.1, 0.03),
)
PINK = StainStatistics(
    glass=(225.0, 228.0, 231.0),
    haematoxylin=(0.45, 0.8, 0.396863),
    eosin=(0.2, 0.95, 0.23979),
    most=(1.1, 1.3),
    mean=(-0.6, -0.2, 0.03),
    spread=(0.3, 0.07, 0.02),
)


def amounts(rows=480, columns=640, seed=0):
    """Return the amounts of both stains, 0 … 1, in blobs; none in a rim, which is glass."""
    random = np.random.default_rng(seed)
    share = cv2.GaussianBlur(random.random((rows, columns)), (0, 0), 2.0)
    share = np.clip((share - 0.5) / (4 * share.std()) + 0.5, 0, 1)
    thick = 0.55 + 0.45 * cv2.resize(random.random((rows // 40, columns // 40)), (columns, rows))
    thick[:100] = 0
    return np.stack([share * thick, (1 - share) * thick], axis=-1)


def stained(stain, amount):
    """Return the image of tissue with some amounts of a stain's haematoxylin and eosin."""
    density = amount * np.array(stain.most) @ np.array([stain.haematoxylin, stain.eosin])
    return np.rint(np.array(stain.glass) * np.exp(-density)).astype(np.uint8)


def stained_slide(stain, seed=0, mpp=1.0, **size):
    return MemorySlide(stained(stain, amounts(seed=seed, **size)), mpp)
