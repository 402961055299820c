"""Which files of a folder are slides."""

import glob
from pathlib import Path

from carcinomap.errors import InputError, existing_file

# fmt: off
WHOLE_SLIDE_SUFFIXES = frozenset([
    ".svs", ".tif", ".tiff", ".ndpi", ".mrxs", ".scn", ".bif", ".vms", ".vmu", ".svslide", ".dcm",
])
# fmt: on
IMAGE_SUFFIXES = frozenset([".png", ".jpg", ".jpeg"])
TIFF_SUFFIXES = frozenset([".tif", ".tiff"])
LABEL_ENDINGS = ("_mask", "_label", "_labels")
OUTPUT_SUFFIXES = (".ome.tif", ".png")  # a class map and its overview


def is_slide_file(path: Path) -> bool:
    """Say by its name whether a file can be a slide, and is not a hidden file or a label image.

    ``find_slides`` also looks at what lies beside it.
    """
    return (
        path.suffix.lower() in WHOLE_SLIDE_SUFFIXES | IMAGE_SUFFIXES
        and not path.name.startswith(".")
        and not _stem(path).lower().endswith(LABEL_ENDINGS)
    )


def find_slides(path: str | Path) -> list[Path]:
    """Return the slides that a path means, in a stable order.

    A folder means every slide below it. These are its whole-slide images, or, where it has none,
    its PNG and JPEG images; never hidden files, label images (``NAME_mask``, or a TIFF beside a
    slide of its name in another format) and what carcinomap wrote. A name with ``*`` or ``?``
    means what matches; any other path means itself.

    Raises:
        InputError: There is none.
    """
    path = Path(path)
    if path.is_dir():
        found = _slides_of(visible_files(path))
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


def _slides_of(files: list[Path]) -> list[Path]:
    candidates = [file for file in files if is_slide_file(file) and not _is_own_output(file)]
    whole = [file for file in candidates if file.suffix.lower() in WHOLE_SLIDE_SUFFIXES]
    scanned = {_stem(file) for file in whole if file.suffix.lower() not in TIFF_SUFFIXES}
    slides = [
        file
        for file in whole
        if file.suffix.lower() not in TIFF_SUFFIXES or _stem(file) not in scanned
    ]
    return slides or candidates


def _stem(file: Path) -> str:
    """Return a file's name without its suffix, be it ``.ome.tif``."""
    if file.suffix.lower() in TIFF_SUFFIXES and file.stem.lower().endswith(".ome"):
        return file.stem[:-4]
    return file.stem


def _is_own_output(file: Path) -> bool:
    """Say whether a file is a map or an overview that carcinomap wrote.

    Beside it lie the map and its summary.
    """
    name = file.name.lower()
    for suffix in OUTPUT_SUFFIXES:
        if name.endswith(suffix):
            stem = file.name[: -len(suffix)]
            return all(file.with_name(stem + end).is_file() for end in (".json", ".ome.tif"))
    return False
