"""From a seed to a slide file and its annotation file."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon
from shapely.affinity import scale

from carcinomap.demo.aperio import write_svs
from carcinomap.demo.canvas import Canvas
from carcinomap.demo.imagescope import Outline, write_imagescope
from carcinomap.demo.layout import Place, Structure, plan
from carcinomap.demo.lesions import paint_benign, paint_in_situ, paint_invasive
from carcinomap.demo.normal import (
    paint_duct,
    paint_fat,
    paint_lobule,
    paint_lymphocytes,
    paint_stroma,
    paint_vessel,
    trim,
)
from carcinomap.demo.shapes import blob, largest
from carcinomap.demo.stains import Stains
from carcinomap.errors import InputError
from carcinomap.files import write_text
from carcinomap.progress import progress

SMALLEST = 640.0  # µm: a shorter side has no room for every class

# Several pathologists, several spellings, as in the annotations of the BACH challenge.
_SPELLINGS = {
    Structure.BENIGN: ("Benign", "benign"),
    Structure.IN_SITU: ("Carcinoma in situ", "In situ carcinoma", "Carcinoma in Situ"),
    Structure.INVASIVE: ("Carcinoma invasive", "Invasive carcinoma", "Invasive Carcinoma"),
}
_LESIONS: dict[Structure, Callable[[Canvas, Place], list[Polygon]]] = {
    Structure.BENIGN: paint_benign,
    Structure.IN_SITU: paint_in_situ,
    Structure.INVASIVE: paint_invasive,
}
_NORMAL: dict[Structure, Callable[[Canvas, Place], None]] = {
    Structure.LOBULE: paint_lobule,
    Structure.DUCT: paint_duct,
    Structure.VESSEL: paint_vessel,
    Structure.LYMPHOCYTES: paint_lymphocytes,
    Structure.FAT: lambda canvas, place: paint_fat(
        canvas,
        blob(canvas.rng, (place.x, place.y), place.radius * 0.88, roughness=0.1, harmonics=7),
    ),
}


def generate_slide(
    path: Path, seed: int, size: tuple[int, int] = (4096, 4096), mpp: float = 0.5
) -> None:
    """Write a slide and, beside it, its annotation (the same name with ``.xml``).

    Args:
        path: The ``.svs`` file to write.
        seed: The slide's number; the same seed, size and mpp give the same bytes.
        size: (width, height) in pixels.
        mpp: Microns per pixel.

    Raises:
        InputError: The slide would be too small to hold every class.
    """
    if min(size) * mpp < SMALLEST:
        raise InputError(
            f"{path}: {size[0]} × {size[1]} pixels at {mpp} µm are too small for a slide with "
            f"every class; each side needs {SMALLEST:.0f} µm"
        )
    image, outlines = draw_slide(seed, size, mpp)
    write_imagescope(path.with_suffix(".xml"), outlines, mpp)
    write_svs(path, image, mpp)


def generate_cohort(
    folder: Path,
    slides: int,
    seed: int,
    size: tuple[int, int] = (4096, 4096),
    mpp: float = 0.5,
) -> list[Path]:
    """Write a folder of annotated slides, two of each patient, with ``patients.csv``.

    Args:
        folder: Where to write; created where it is missing.
        slides: How many.
        seed: The cohort's number; no slide of one cohort is found in another.
        size: (width, height) of each in pixels.
        mpp: Microns per pixel.

    Returns:
        The slides' paths.
    """
    paths = [folder / f"slide-{index + 1:02d}.svs" for index in range(slides)]
    with progress("Drawing slides", slides, "slides") as advance:
        for index, path in enumerate(paths):
            generate_slide(path, _slide_seed(seed, index), size, mpp)
            advance()
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["slide", "patient"])
    writer.writerows(
        (path.name, f"patient-{index // 2 + 1:02d}") for index, path in enumerate(paths)
    )
    write_text(folder / "patients.csv", table.getvalue())
    return paths


def _slide_seed(seed: int, index: int) -> int:
    """Return the seed of a cohort's slide, far from that of any other cohort."""
    return int(np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)[0])


def draw_slide(
    seed: int, size: tuple[int, int], mpp: float
) -> tuple[NDArray[np.uint8], list[Outline]]:
    """Draw a slide in memory.

    Args:
        seed: The slide's number.
        size: (width, height) in pixels.
        mpp: Microns per pixel.

    Returns:
        RGB, uint8 (height, width, 3), and the outlines of its lesions.
    """
    rng = np.random.default_rng(seed)
    width, height = size
    stains = Stains.draw(rng)
    layout = plan(rng, width * mpp, height * mpp)
    canvas = Canvas(rng, width, height, mpp)
    paint_stroma(canvas, layout.tissue)
    outlines = []
    for place in layout.places:
        if place.structure in _LESIONS:
            for shape in _LESIONS[place.structure](canvas, place):
                label = str(rng.choice(_SPELLINGS[place.structure]))
                outlines.append(Outline(label, _in_pixels(shape, mpp)))
        else:
            _NORMAL[place.structure](canvas, place)
    trim(canvas, layout.tissue)
    return _scan(canvas, stains), outlines


def _in_pixels(shape: Polygon, mpp: float) -> Polygon:
    """Bring an outline in µm to whole level-0 pixels, valid and without needless vertices."""
    simple = scale(shape, 1 / mpp, 1 / mpp, origin=(0, 0)).simplify(1.0)
    return largest(shapely.set_precision(simple, 1.0))


def _scan(canvas: Canvas, stains: Stains) -> NDArray[np.uint8]:
    """Look at the canvas as a scanner does: blur, mix the colours, add noise.

    Returns:
        RGB, uint8 (height, width, 3).
    """
    height, width = canvas.eosin.shape
    sigma = stains.blur / canvas.mpp
    planes = [cv2.GaussianBlur(p, (0, 0), sigma) for p in (canvas.haematoxylin, canvas.eosin)]
    image = np.empty((height, width, 3), np.uint8)
    noise = canvas.rng.normal(0, stains.noise, (512, 512, 3)).astype(np.float32)
    # In bands, which bounds the memory of the floating-point colours.
    for top in range(0, height, 256):
        band = slice(top, top + 256)
        light = stains.colour(planes[0][band], planes[1][band])
        shift = canvas.rng.integers(512, size=2)
        rows = (np.arange(light.shape[0]) + shift[0]) % 512
        columns = (np.arange(width) + shift[1]) % 512
        light = light + np.take(noise[rows], columns, axis=1)
        np.clip(light, 0, 255, out=light)
        image[band] = np.rint(light)
    return image
