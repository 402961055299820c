"""Which reader opens a file."""

import os
from pathlib import Path

from carcinomap.errors import InputError, existing_file
from carcinomap.slide.readers import (
    DeclinedError,
    ImageSlide,
    OpenSlideSlide,
    RefusedError,
    SlideFile,
    TiffSlide,
    check_mpp,
)
from carcinomap.slide.slide import Slide
from carcinomap.storage import AnyPath, as_path

# In order of preference: the quick one, the one that knows every vendor, the one for plain images.
READERS: tuple[type[SlideFile], ...] = (TiffSlide, OpenSlideSlide, ImageSlide)

IN_SEVERAL_FILES = (".mrxs", ".vms", ".vmu", ".dcm")


def open_slide(path: str | os.PathLike[str] | AnyPath, mpp: float | None = None) -> Slide:
    """Open a whole-slide image or a plain image.

    Args:
        path: The file, or its address: ``s3://bucket/new.svs``, ``https://host/new.svs``.
        mpp: Microns per level-0 pixel; overrides what the file says.

    Raises:
        InputError: There is no such file, no reader can show it, it has no mpp and none is
            given, or the given one cannot be.
        CarcinomapError: The storage where it is fails, or there is no room for a local copy.
    """
    check_mpp(mpp)
    path = _whole(as_path(path))
    reasons = []
    for reader in READERS:
        try:
            return reader(path, mpp)
        except RefusedError as reason:
            raise InputError(f"{path}: {reason}") from reason
        except DeclinedError as reason:
            reasons.append(f"{reader.reader}: {reason}")
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    raise InputError(f"{path}: not a slide that can be read ({'; '.join(reasons)})")


def _whole(path: AnyPath) -> AnyPath:
    """Return the path of a slide that is there, or that its storage is to be asked for."""
    if isinstance(path, Path):
        return existing_file(path, "slide")
    if path.suffix.lower() in IN_SEVERAL_FILES:
        raise InputError(
            f"{path}: a slide of this kind may consist of several files, which are not fetched "
            "together; copy all of them to a folder on a disk and open it there"
        )
    return path
