"""A slide whose bytes were damaged is an error that says so, or a slide.

    CARCINOMAP_FUZZ=1000 pytest tests/slide/test_slide_fuzz.py -s

damages every slide a thousand times and prints the figures.
"""

import os
import resource
import time
import zlib

import numpy as np
import pytest
import tifffile

from carcinomap.errors import InputError
from carcinomap.slide import open_slide

MUTATIONS = int(os.environ.get("CARCINOMAP_FUZZ", "20"))
LONGEST = 30.0
MEMORY = 1 << 30  # more than before


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Small slides of several kinds."""
    folder = tmp_path_factory.mktemp("whole")
    image = np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8)
    about = "Aperio Image Library v11\r\n400x300 (128x128) JPEG/RGB Q=90|AppMag = 20|MPP = 0.5"
    for name, options in {
        "jpeg.svs": {"compression": "jpeg", "description": about},
        "jpeg2000.svs": {"compression": "aperio_jp2000_rgb", "description": about},
        "deflate.tif": {"compression": "zlib"},
        "plain.tif": {"tile": None},
    }.items():
        settings = {"tile": (128, 128), "photometric": "rgb", "metadata": None} | options
        tifffile.imwrite(folder / name, image, **settings)
    return folder


def test_broken_made_slides(made, tmp_path):
    damage_all(sorted(made.iterdir()), tmp_path)


def test_broken_real_slides(real_data, tmp_path):
    slides = ["cmu-1-small-region.svs", "tcga-cr-7395.svs", "camelyon-multiframe.dcm"]
    files = [real_data / "slides" / name for name in slides]
    damage_all([*files, *sorted((real_data / "glas").glob("test*.svs"))[:3]], tmp_path)


def damage_all(files, folder):
    refused = readable = 0
    longest = 0.0
    before = peak_memory()
    for file in files:
        whole = file.read_bytes()
        target = folder / f"damaged{file.suffix}"
        for number in range(MUTATIONS):
            seed = zlib.crc32(f"{file.name} {number}".encode())
            target.write_bytes(damaged(whole, np.random.default_rng(seed)))
            started = time.perf_counter()
            try:
                look(target)
            except InputError:
                refused += 1
            else:
                readable += 1
            took = time.perf_counter() - started
            longest = max(longest, took)
            assert took < LONGEST, (file.name, number)
    assert peak_memory() - before < MEMORY
    assert refused > 0
    assert readable > 0
    print(
        f"\n{len(files)} slides, {refused + readable:,} damaged: {refused:,} refused, "
        f"{readable:,} readable; longest {longest:.2f} s; peak memory {peak_memory() / 1e9:.2f} GB"
    )


def peak_memory():
    """Return the most bytes that this process has had in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def look(path):
    with open_slide(path, 0.5) as slide:
        for place in (0, 100, slide.width / 2):
            assert slide.read(place, place, 64, 48, 0.5).shape == (48, 64, 3)
        assert slide.read(0, 0, 64, 48, 8.0).shape == (48, 64, 3)
        slide.associated_images()


def damaged(data, random):
    """Flip bytes or cut the file; mostly near its structure: the beginning and the end."""
    changed = bytearray(data)
    if random.random() < 0.15:
        return bytes(changed[: random.integers(len(changed))])
    for _ in range(random.integers(1, 5)):
        near = int(10 ** random.uniform(0.7, np.log10(len(changed))))
        anywhere = random.integers(len(changed), size=3)
        at = random.choice([near, len(changed) - near, *anywhere])
        at = int(np.clip(at, 0, len(changed) - 1))
        size = int(random.choice([1, 1, 2, 4, 8]))
        changed[at : at + size] = random.choice([random.bytes(size), b"\xff" * size, b"\0" * size])
    return bytes(changed[: len(data)])
