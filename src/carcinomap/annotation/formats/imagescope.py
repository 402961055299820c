"""ImageScope XML.

Holes are regions marked ``NegativeROA``, each cut out of the smallest region of its layer around
it. Where people drew holes as plain regions inside others, ``even_odd_holes`` reads them: a
region inside another of its layer and label is a hole of it, one inside that a region again, and
so on. A region of another label stays a region on top; one without a label counts as one of what
it lies in, and what a ``NegativeROA`` has cut out already holds nothing.
"""

from pathlib import Path

from carcinomap.annotation.annotations import AnnotationSet
from carcinomap.annotation.formats.contract import FileContext, Format
from carcinomap.annotation.formats.imagescope_writing import write_imagescope
from carcinomap.annotation.formats.imagescope_xml import ImageScopeBuilder
from carcinomap.annotation.formats.regions import gathered
from carcinomap.annotation.formats.sniffing import FileStart
from carcinomap.annotation.formats.xml_events import stream


def _claims(start: FileStart) -> bool:
    return start.root == ImageScopeBuilder.root


def _read(path: Path, context: FileContext) -> AnnotationSet:
    """Read the annotations of one slide.

    Raises:
        InputError: The file is not whole, or not what it should be.
    """
    builder = ImageScopeBuilder(path)
    annotations, notes = gathered(stream(path, builder), even_odd=context.even_odd_holes)
    return AnnotationSet(annotations, notes, path, builder.mpp)


IMAGESCOPE = Format("ImageScope XML", (".xml",), _claims, _read, write_imagescope)
