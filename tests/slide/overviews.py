"""Generated overviews, and a slide that has its pixels in memory."""

from pathlib import Path

import cv2
import numpy as np

from carcinomap.slide import Level, Slide

GLASS = (243, 242, 244)
PINK = (224, 160, 196)
INKS = {"black": (35, 33, 38), "blue": (40, 70, 170), "green": (40, 150, 80), "red": (200, 30, 40)}


class MemorySlide(Slide):
    def __init__(self, image, mpp):
        self.path, self.vendor, self.properties = Path("made.svs"), "made", {}
        self.image, self.mpp = image, mpp
        self.levels = (Level(image.shape[1], image.shape[0], 1.0),)

    def close(self):
        pass

    def associated_images(self):
        raise AssertionError("nobody may look at the label")

    def _decode(self, level, x, y, width, height):
        return self.image[y : y + height, x : x + width]


def glass(rows=300, columns=400, seed=0):
    random = np.random.default_rng(seed)
    noisy = np.array(GLASS) + random.normal(0, 2, (rows, columns, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def painted(image, where, ink):
    """Lay ink over part of an image: what light it lets through is multiplied."""
    covered = image * (np.array(ink) / 255)
    mixed = np.where(where[:, :, None], covered, image)
    return cv2.GaussianBlur(mixed.astype(np.uint8), (0, 0), 0.7)


def stroke(shape, start, end, width):
    line = np.zeros(shape, np.uint8)
    cv2.line(line, start, end, 1, width)
    return line.astype(bool)
