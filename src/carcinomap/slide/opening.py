"""Which reader opens a file."""

import math
from pathlib import Path

from carcinomap.errors import InputError, existing_file
from carcinomap.slide.openslide_slide import OpenSlideSlide
from carcinomap.slide.slide import Slide

# fmt: off
SUFFIXES = frozenset([
    ".svs", ".tif", ".tiff", ".ndpi", ".mrxs", ".scn", ".bif", ".vms", ".vmu", ".svslide", ".dcm",
])
# fmt: on


def is_slide_file(path: Path) -> bool:
    """Say by its name whether a file in a folder is meant as a slide."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def open_slide(path: str | Path, mpp: float | None = None) -> Slide:
    """Open a whole-slide image.

    Args:
        path: The file.
        mpp: Microns per level-0 pixel; overrides what the file says.

    Raises:
        InputError: There is no such file, it is no slide, or it has no mpp and none is given.
    """
    if mpp is not None and not (math.isfinite(mpp) and mpp > 0):
        raise InputError(f"--mpp {mpp:g}: microns per pixel must be a positive number")
    return OpenSlideSlide(existing_file(path, "slide"), mpp)
