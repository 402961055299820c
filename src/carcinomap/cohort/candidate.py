"""Look into a file that has the name of an annotation: is it one?

What is broken is not passed over, nor a picture that calls itself a mask: reading it says what
is wrong with it.
"""

from pathlib import Path

from carcinomap.annotation import format_of
from carcinomap.annotation.formats.sniffing import start_of
from carcinomap.slide.finding import LABEL_ENDINGS
from carcinomap.storage import AnyPath, local_copy

_IMAGE_SUFFIXES = (".png", ".tif", ".tiff")
_PNG_COLOUR_TYPE = 25  # byte of the file
_ONE_CHANNEL = (0, 3)  # grey levels, palette


def why_no_annotation(file: AnyPath) -> str | None:
    """Say what a file is instead, where it is clearly something else; None for an annotation."""
    try:
        return _something_else(local_copy(file, "annotation file"))
    except OSError:
        return None


def _something_else(file: Path) -> str | None:
    if file.suffix.lower() in _IMAGE_SUFFIXES:
        named = file.stem.lower().removesuffix(".ome").endswith(LABEL_ENDINGS)
        return "a colour picture and no label image" if not named and _has_colours(file) else None
    if format_of(file) is not None:
        return None
    start = start_of(file)
    if start.kind == "xml" and start.root:
        return f"begins with <{start.root}>, like no annotation"
    return "JSON, but no annotation" if start.kind == "json" else None


def _has_colours(file: Path) -> bool:
    """Say from its header whether an image has several channels."""
    with file.open("rb") as opened:
        head = opened.read(_PNG_COLOUR_TYPE + 1)
    if head.startswith(b"\x89PNG"):
        return len(head) > _PNG_COLOUR_TYPE and head[_PNG_COLOUR_TYPE] not in _ONE_CHANNEL
    if not head.startswith((b"II", b"MM")):
        return False
    import tifffile  # noqa: PLC0415 - not to be waited for where there is no TIFF

    try:
        with tifffile.TiffFile(file) as tiff:
            return bool(tiff.pages.first.samplesperpixel > 1)
    except Exception:  # of a broken file it raises whatever came about
        return False
