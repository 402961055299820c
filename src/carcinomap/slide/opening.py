"""Which reader opens a file."""

import math
from pathlib import Path

from carcinomap.errors import InputError, existing_file
from carcinomap.slide.readers import (
    DeclinedError,
    ImageSlide,
    OpenSlideSlide,
    RefusedError,
    SlideFile,
    TiffSlide,
)
from carcinomap.slide.slide import Slide

# In order of preference: the quick one, the one that knows every vendor, the one for plain images.
READERS: tuple[type[SlideFile], ...] = (TiffSlide, OpenSlideSlide, ImageSlide)


def open_slide(path: str | Path, mpp: float | None = None) -> Slide:
    """Open a whole-slide image or a plain image.

    Args:
        path: The file.
        mpp: Microns per level-0 pixel; overrides what the file says.

    Raises:
        InputError: There is no such file, no reader can show it, or it has no mpp and none is
            given.
    """
    if mpp is not None and not (math.isfinite(mpp) and mpp > 0):
        raise InputError(f"--mpp {mpp:g}: microns per pixel must be a positive number")
    path = existing_file(path, "slide")
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
