"""The hash by which OpenSlide knows a slide, whatever its file is called."""

from pathlib import Path

import openslide

from carcinomap.storage import AnyPath


def quickhash(path: AnyPath) -> str | None:
    """Return OpenSlide's quickhash of a slide: SHA-256 of its smallest level and its metadata.

    None where OpenSlide does not read the file, or gives it no hash, and of remote files, which it
    would have to have as a whole.
    """
    if not isinstance(path, Path):
        return None
    try:
        with openslide.OpenSlide(path) as slide:
            return slide.properties.get(openslide.PROPERTY_NAME_QUICKHASH1)
    except openslide.OpenSlideError:
        return None
