"""Class maps that live in memory."""

import numpy as np
import scipy.ndimage


class ArrayLabels:
    def __init__(self, image: np.ndarray) -> None:
        self.image = image
        self.height, self.width = image.shape

    def window(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        return np.ascontiguousarray(self.image[y : y + height, x : x + width])


def smooth(side: int, sigma: float, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    fields = [
        scipy.ndimage.gaussian_filter(random.normal(size=(side, side)), sigma) for _ in "1234"
    ]
    return np.argmax(fields, axis=0).astype(np.uint8)
