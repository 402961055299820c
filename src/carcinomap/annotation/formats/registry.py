"""All formats, and which of them a file has."""

from pathlib import Path

from carcinomap.annotation.annotations import AnnotationSet
from carcinomap.annotation.formats.asap import ASAP
from carcinomap.annotation.formats.contract import Annotations, FileContext, Format
from carcinomap.annotation.formats.dsa import DSA
from carcinomap.annotation.formats.geojson import GEOJSON
from carcinomap.annotation.formats.imagescope import IMAGESCOPE
from carcinomap.annotation.formats.label_image_file import LABEL_IMAGE
from carcinomap.annotation.formats.ndpa import NDPA
from carcinomap.annotation.formats.sniffing import start_of
from carcinomap.errors import InputError, existing_file
from carcinomap.files import atomic_path

FORMATS: tuple[Format, ...] = (IMAGESCOPE, ASAP, NDPA, DSA, GEOJSON, LABEL_IMAGE)

ANNOTATION_SUFFIXES = frozenset(suffix for one in FORMATS for suffix in one.suffixes)
"""Names of files that ``read_annotations`` may be able to read end in one of these."""


def format_of(path: str | Path) -> Format | None:
    """Return the format that a file has, by what it contains; None where it has none of them."""
    start = start_of(existing_file(path, "annotation file"))
    return next((one for one in FORMATS if one.claims(start)), None)


def read_annotations(path: str | Path, context: FileContext | None = None) -> Annotations:
    """Read the annotations of one slide, in any format.

    Args:
        path: The file.
        context: The slide, and how to read; some formats cannot do without the slide.

    Raises:
        InputError: The file is missing, not whole, in no known format, or needs its slide.
    """
    path = existing_file(path, "annotation file")
    found = format_of(path)
    if found is None:
        raise InputError(f"{path}: {_why_unknown(path)}")
    return found.read(path, context or FileContext())


def format_to_write(path: str | Path) -> Format:
    """Return the format that a file to be written has by its name.

    ``.xml`` is ImageScope's, ``.asap.xml`` ASAP's, ``.geojson`` QuPath's, ``.json`` DSA's,
    ``.png`` and ``.tif`` are label images.

    Raises:
        InputError: No format that can be written has such a name.
    """
    name = Path(path).name.lower()
    fitting = {suffix: one for one in FORMATS if one.write for suffix in one.suffixes}
    for suffix in sorted(fitting, key=len, reverse=True):
        if name.endswith(suffix):
            return fitting[suffix]
    known = ", ".join(f"{suffix} ({one.name})" for suffix, one in fitting.items())
    raise InputError(f"{path}: no format is written under such a name; there are {known}")


def write_annotations(
    annotations: AnnotationSet,
    path: str | Path,
    context: FileContext | None = None,
    to: Format | None = None,
) -> list[str]:
    """Write the annotations of one slide, atomically.

    Args:
        annotations: The regions.
        path: The file; what stood there is replaced.
        context: The slide, and what else the format needs.
        to: The format; None takes the one of the file's name.

    Returns:
        What the format could not hold, a line for each kind of thing.

    Raises:
        InputError: The format is not written, or needs what the context does not have.
    """
    to = to or format_to_write(path)
    if to.write is None:
        raise InputError(f"{path}: {to.name} files are read, not written")
    with atomic_path(path) as temporary:
        return to.write(temporary, annotations, context or FileContext())


def _why_unknown(path: Path) -> str:
    start = start_of(path)
    known = ", ".join(one.name for one in FORMATS)
    if not start.text:
        return "empty"
    if start.kind == "xml" and not start.root:
        return "not XML, or not all of it. Was it copied to its end?"
    found = f"begins with <{start.root}>" if start.root else "begins like none of them"
    return f"in no format that can be read ({found}; there are {known})"
