"""Write small label images, and schemes for them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile

from carcinomap.annotation import ClassScheme

VALUES = ((0, "normal"), (1, "benign"), (2, "dcis"), (3, "invasive"), (9, "unsure"))
DEFAULT = ClassScheme.default()
SCHEME = replace(DEFAULT, values=VALUES)
ROI_SCHEME = replace(DEFAULT, values=(*VALUES, (200, "roi")))


def blocky(random: np.random.Generator, shape: tuple[int, int], values: list[int]) -> np.ndarray:
    """Return an image of patches of some values."""
    coarse = random.choice(values, tuple(-(-side // 4) for side in shape)).astype(np.uint8)
    image = coarse.repeat(4, axis=0).repeat(4, axis=1)[: shape[0], : shape[1]]
    speckled = random.random(shape) < 0.02
    image[speckled] = random.choice(values, int(speckled.sum()))
    return np.ascontiguousarray(image)


def write_tiff(path: Path, image: np.ndarray, side: int | None = 32, **options: Any) -> Path:
    """Write a TIFF in tiles, or without ``side`` in strips."""
    settings = {"tile": (side, side)} if side else {"rowsperstrip": 7}
    base = {"compression": "adobe_deflate", "photometric": "minisblack", "metadata": None}
    tifffile.imwrite(path, image, **(settings | base | options))
    return path


def write_png(path: Path, image: np.ndarray) -> Path:
    """Write a PNG."""
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return path
