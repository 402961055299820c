"""Slides to write in tests."""

import numpy as np
import tifffile

APERIO = "Aperio Image Library v11.2.1\r\n{0}x{1} (256x256) JPEG/RGB Q=90|AppMag = 20|MPP = {2}"


def smooth_noise(height, width, seed=0):
    """Draw an image that JPEG keeps to a few grey levels."""
    random = np.random.default_rng(seed)
    coarse = random.integers(60, 240, (height // 32 + 2, width // 32 + 2, 3), dtype=np.uint8)
    tall = np.repeat(np.repeat(coarse, 32, axis=0), 32, axis=1)
    return np.ascontiguousarray(tall[:height, :width])


def reduced(image, step):
    """Average blocks of ``step``² pixels; the last ones that fill no block are dropped."""
    rows, columns = image.shape[0] // step, image.shape[1] // step
    blocks = image[: rows * step, : columns * step].reshape(rows, step, columns, step, 3)
    return blocks.mean(axis=(1, 3)).astype(np.uint8)


def write_slide(path, image, mpp="0.5", levels=(4,), **options):
    """Write an Aperio slide with the given pyramid, losslessly unless told otherwise."""
    height, width = image.shape[:2]
    about = APERIO.format(width, height, mpp)
    if mpp is None:
        about = about.split("|MPP")[0]
    options = {"compression": "adobe_deflate", "photometric": "rgb", "tile": (256, 256)} | options
    with tifffile.TiffWriter(path) as tiff:
        for level in (1, *levels):
            pixels = image if level == 1 else reduced(image, level)
            tiff.write(pixels, description=about, metadata=None, **options)
    return path


def write_tiff(path, *pages, **options):
    """Write images as pages of a plain TIFF, those after the first as reduced versions."""
    options = {"photometric": "rgb", "compression": "zlib", "tile": (256, 256)} | options
    with tifffile.TiffWriter(path, bigtiff=options.pop("bigtiff", False)) as tiff:
        for index, page in enumerate(pages):
            tiff.write(page, subfiletype=int(index > 0), metadata=None, **options)
    return path
