"""What an exported network is tried on: tissue of a slide, or made-up pixels."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from carcinomap.errors import InputError
from carcinomap.model.runtime import Views
from carcinomap.model.spec import ModelSpec
from carcinomap.slide import find_tissue, open_slide

COUNT = 8  # patches; half a million pixels at the usual size
SPOTS = (4, 16, 64)  # pixels across, of made-up pixels: nuclei, glands, regions


def tissue_patches(
    slide: str | Path, spec: ModelSpec, mpp: float | None = None, seed: int = 0
) -> list[Views]:
    """Read patches whose centres are tissue, each a batch of one.

    Args:
        slide: The slide's file.
        spec: Of the model; says what it sees around a point.
        mpp: Microns per level-0 pixel, where the slide does not say it.
        seed: Of the places.

    Raises:
        InputError: The slide cannot be read, or has no tissue.
    """
    with open_slide(slide, mpp) as opened:
        tissue = find_tissue(opened)
        places = np.flatnonzero(tissue.mask)
        if not places.size:
            raise InputError(f"{slide}: no tissue found to check the exported network on")
        chosen = np.random.default_rng(seed).choice(places, COUNT)
        rows, columns = np.unravel_index(chosen, tissue.shape)
        pixel = tissue.mpp / tissue.slide_mpp
        centres = [
            (float(x + 0.5) * pixel, float(y + 0.5) * pixel)
            for x, y in zip(columns, rows, strict=True)
        ]
        return [tuple(view.read(opened, x, y)[None] for view in spec.views) for x, y in centres]


def made_patches(spec: ModelSpec, seed: int = 0) -> list[Views]:
    """Make patches of coloured spots of several sizes, each a batch of one."""
    random = np.random.default_rng(seed)
    return [
        tuple(_spots(random, view.size, view.size)[None] for view in spec.views)
        for _ in range(COUNT)
    ]


def patches_of(spec: ModelSpec, count: int, rows: int, columns: int) -> Views:
    """Make one batch of another size: ``count`` tiles of ``rows`` × ``columns`` strides."""
    random = np.random.default_rng(count)
    views = []
    for view in spec.views:
        stride = spec.stride * view.size / spec.views[0].size
        height, width = round(rows * stride), round(columns * stride)
        views.append(np.stack([_spots(random, height, width) for _ in range(count)]))
    return tuple(views)


def _spots(random: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """Return pink to purple pixels, uint8 (height, width, 3), uneven at several scales."""
    image = np.full((height, width, 3), (200.0, 150.0, 190.0), np.float32)
    for spot in SPOTS:
        shape = (max(1, height // spot), max(1, width // spot), 3)
        coarse = random.normal(0, 35, shape).astype(np.float32)
        image += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    pixels: NDArray[np.uint8] = np.clip(image, 0, 255).astype(np.uint8)
    return pixels
