"""Which reader opens a file."""

import glob
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


def find_slides(path: str | Path) -> list[Path]:
    """Return the slides that a path means, in a stable order.

    A folder means every slide below it, except hidden files and class maps that carcinomap
    wrote; a name with ``*`` or ``?`` means what matches; any other path means itself.

    Raises:
        InputError: There is none.
    """
    path = Path(path)
    if path.is_dir():
        found = [file for file in visible_files(path) if is_slide_file(file)]
        found = [file for file in found if not _is_own_output(file)]
    elif any(sign in str(path) for sign in "*?") and not path.exists():
        found = [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]
    else:
        return [existing_file(path, "slide")]
    if not found:
        raise InputError(f"{path}: no slides there")
    return found


def visible_files(folder: Path) -> list[Path]:
    """Return every file below a folder that is not hidden, in a stable order."""
    return sorted(
        file
        for file in folder.rglob("*")
        if file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )


def _is_own_output(file: Path) -> bool:
    """Say whether a TIFF is a class map that carcinomap wrote (its summary lies beside it)."""
    name = file.name.lower()
    return name.endswith(".ome.tif") and file.with_name(file.name[:-8] + ".json").is_file()


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
