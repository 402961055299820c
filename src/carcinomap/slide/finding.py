"""Which files of a folder are slides."""

import glob
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from carcinomap.errors import InputError, existing_file
from carcinomap.storage import (
    AnyPath,
    as_path,
    kind_of,
    list_files,
    matching_files,
    on_web,
    read_small,
)

# fmt: off
WHOLE_SLIDE_SUFFIXES = frozenset([
    ".svs", ".tif", ".tiff", ".ndpi", ".mrxs", ".scn", ".bif", ".vms", ".vmu", ".svslide", ".dcm",
])
# fmt: on
IMAGE_SUFFIXES = frozenset([".png", ".jpg", ".jpeg"])
TIFF_SUFFIXES = frozenset([".tif", ".tiff"])
LABEL_ENDINGS = ("_mask", "_label", "_labels")
OUTPUT_SUFFIXES = (".ome.tif", ".geojson", ".png")  # a map, its outlines and its overview
RESCUED = "lost+found"  # at the root of a disk; for administrators alone
CLOSED_FOLDERS = (".partial", ".zarr")  # an unfinished result, an image in many files
SUMMARY_KEYS = {"slide", "model", "tissue_mm2"}
LARGEST_SUMMARY = 1_000_000


def is_slide_file(path: AnyPath) -> bool:
    """Say by its name whether a file can be a slide, and is not a hidden file or a label image.

    ``find_slides`` also looks at what lies beside it.
    """
    return (
        path.suffix.lower() in WHOLE_SLIDE_SUFFIXES | IMAGE_SUFFIXES
        and not path.name.startswith(".")
        and not _stem(path).lower().endswith(LABEL_ENDINGS)
    )


def find_slides(path: str | os.PathLike[str] | AnyPath) -> list[AnyPath]:
    """Return the slides that a path or an address means, in a stable order.

    A folder means every slide below it. These are its whole-slide images, or, where it has none,
    its PNG and JPEG images; never hidden files, label images (``NAME_mask``, a TIFF beside a slide
    of its name in another format, a PNG beside a JPEG) and what carcinomap wrote. A name with
    ``*`` or ``?`` means what matches; any other path means itself. Addresses mean the same, but
    that those on the web mean one file, which is not looked for before it is opened.

    Raises:
        InputError: There is none, or a folder may not be read.
        CarcinomapError: The storage cannot be asked.
    """
    path = as_path(path)
    if on_web(path):
        return [path]
    kind, found = kind_of(path), list[AnyPath]()
    if kind == "folder":
        found = _slides_of(visible_files(path, _refuse))
    elif not kind and any(sign in str(path) for sign in "*?"):
        found = _matching(path)
    elif kind == "file" or isinstance(path, Path):
        return [existing_file(path, "slide") if isinstance(path, Path) else path]
    if not found:
        raise InputError(f"{path}: no slides there")
    return found


def _matching(pattern: AnyPath) -> list[AnyPath]:
    if isinstance(pattern, Path):
        signs = str(pattern).replace("[", "[[]")  # a bracket is a bracket
        found: list[AnyPath] = list(map(Path, sorted(glob.glob(signs, recursive=True))))
    else:
        found = matching_files(pattern)
    return [file for file in found if not is_own_output(file)]


def _refuse(error: OSError) -> None:
    """Raise InputError for a folder that may not be read: slides in it would be passed over."""
    if not isinstance(error, FileNotFoundError) and Path(error.filename).name != RESCUED:
        raise InputError(
            f"{error.filename}: this folder cannot be read ({error.strerror}); a pattern such as "
            "'FOLDER/*.svs' leaves it out"
        ) from error


def visible_files(
    folder: AnyPath, unreadable: Callable[[OSError], None] | None = None
) -> list[AnyPath]:
    """Return every file below a folder, in a stable order.

    Not those that are hidden, in an unfinished result, or part of an image that is a folder. Links
    to folders are followed, into each folder once; a link to what is not there is in the list.

    Args:
        folder: Where to look.
        unreadable: Is told of each folder on a disk that may not be read; they are passed over.

    Raises:
        CarcinomapError: The folder is elsewhere and its storage cannot be asked.
    """
    if not isinstance(folder, Path):
        below = len(folder.parts)
        return [file for file in list_files(folder) if _is_visible(file.parts[below:])]
    found: list[Path] = []
    entered = set()
    for inside, folders, files in os.walk(folder, onerror=unreadable, followlinks=True):
        if (real := os.path.realpath(inside)) in entered:  # links can lead in a circle
            folders.clear()
            continue
        entered.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        folders[:] = [name for name in folders if not name.endswith(CLOSED_FOLDERS)]
        found += [Path(inside, name) for name in files if not name.startswith(".")]
    return list[AnyPath](sorted(file for file in found if file.is_file() or file.is_symlink()))


def _is_visible(parts: Sequence[str]) -> bool:
    return not any(part.startswith(".") for part in parts) and not any(
        folder.endswith(CLOSED_FOLDERS) for folder in parts[:-1]
    )


def _slides_of(files: list[AnyPath]) -> list[AnyPath]:
    candidates = [file for file in files if is_slide_file(file) and not is_own_output(file)]
    whole = [file for file in candidates if file.suffix.lower() in WHOLE_SLIDE_SUFFIXES]
    kind = TIFF_SUFFIXES if whole else frozenset([".png"])
    found = whole or candidates
    # Beside a slide of another kind, an image of its name is its label image.
    others = {_stem(file) for file in found if file.suffix.lower() not in kind}
    return [f for f in found if f.suffix.lower() not in kind or _stem(f) not in others]


def _stem(file: AnyPath) -> str:
    """Return a file's name without its suffix, be it ``.ome.tif``."""
    if file.suffix.lower() in TIFF_SUFFIXES and file.stem.lower().endswith(".ome"):
        return file.stem[:-4]
    return file.stem


def is_own_output(file: AnyPath) -> bool:
    """Say whether carcinomap made a file: a map's summary, or what lies beside one."""
    name = file.name.lower()
    if name.endswith(".json"):
        return _is_summary(file)
    suffix = next((one for one in OUTPUT_SUFFIXES if name.endswith(one)), None)
    return suffix is not None and _is_summary(file.with_name(f"{file.name[: -len(suffix)]}.json"))


def _is_summary(file: AnyPath) -> bool:
    try:
        summary = json.loads(read_small(file, LARGEST_SUMMARY) or b"")
    except (ValueError, RecursionError, OSError):
        return False
    return isinstance(summary, dict) and summary.keys() >= SUMMARY_KEYS
