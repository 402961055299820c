"""What a format of annotation files is: how to recognise, read and write one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from carcinomap.annotation.annotations import AnnotationSet
from carcinomap.annotation.formats.sniffing import FileStart
from carcinomap.annotation.frame import SlideFrame
from carcinomap.annotation.label_images import LabelImage
from carcinomap.annotation.scheme import ClassScheme

Annotations: TypeAlias = AnnotationSet | LabelImage
"""What is annotated on one slide, as polygons or as pixels; both draw windows alike."""


@dataclass(frozen=True)
class FileContext:
    """What reading or writing a file needs to know that the file itself does not say.

    Attributes:
        frame: The slide; formats that need it refuse to work without.
        even_odd_holes: Read regions that lie inside others of their layer as holes, islands in
            these as regions again, and so on (ImageScope files without ``NegativeROA``).
        scheme: What pixel values and labels mean, for writing label images.
        mpp: Microns per pixel of a label image to be written; None writes the slide's own.
    """

    frame: SlideFrame | None = None
    even_odd_holes: bool = False
    scheme: ClassScheme | None = None
    mpp: float | None = None


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        name: As people call it.
        suffixes: Of its files; the first is the usual one. Which format a file has is decided
            by what it contains, and where to write one by the suffix.
        claims: Whether a file that starts like this is one.
        read: Reads a file. Raises an InputError for anything that is wrong with it.
        write: Writes a file and returns what of the annotations it could not hold, a line for
            each kind of thing; None where the format is only read. The path is temporary: what
            is written becomes the file only when it is whole.
    """

    name: str
    suffixes: tuple[str, ...]
    claims: Callable[[FileStart], bool]
    read: Callable[[Path, FileContext], Annotations]
    write: Callable[[Path, AnnotationSet, FileContext], list[str]] | None = None
