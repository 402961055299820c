"""ASAP XML.

The class of an annotation is the group that it is part of, and what that group is part of is its
layer. ASAP knows no holes. By convention polygons in a group called ``Exclusion``, ``Hole``,
``Holes`` or ``_2``, in letters of any size, are holes, each cut out of the smallest polygon around
it. A spline is the curve that ASAP draws.

ASAP draws an annotation of a group in the colour of the outermost group around it; so it is read
where the annotation has only the yellow that ASAP gives to all.
"""

from dataclasses import replace
from pathlib import Path

from carcinomap.annotation.annotations import Annotation, AnnotationSet
from carcinomap.annotation.formats.asap_writing import write_asap
from carcinomap.annotation.formats.asap_xml import (
    AUTOMATIC_COLOUR,
    LAYER_SEPARATOR,
    AsapBuilder,
    Group,
)
from carcinomap.annotation.formats.contract import FileContext, Format
from carcinomap.annotation.formats.regions import gathered
from carcinomap.annotation.formats.sniffing import FileStart
from carcinomap.annotation.formats.xml_events import stream
from carcinomap.errors import InputError

_DEEPEST = 64


def _claims(start: FileStart) -> bool:
    return start.root == AsapBuilder.root


def _read(path: Path, context: FileContext) -> AnnotationSet:
    """Read the annotations of one slide.

    Raises:
        InputError: The file is not whole, or not what it should be.
    """
    builder = AsapBuilder(path)
    annotations, notes = gathered(stream(path, builder))
    labels = {one.label for one in annotations}
    placed = {label: _ancestors(path, label, builder.groups) for label in labels}
    return AnnotationSet(
        tuple(_in_group(one, placed[one.label], builder.groups) for one in annotations),
        notes,
        path,
    )


def _ancestors(path: Path, name: str, groups: dict[str, Group]) -> list[str]:
    """Return the groups that a group is in, outermost first.

    Raises:
        InputError: They are too many to be meant.
    """
    found: list[str] = []
    while name in groups and (parent := groups[name].parent) and parent not in found:
        if len(found) == _DEEPEST:
            raise InputError(f"{path}: groups inside groups, {_DEEPEST} deep: no annotation is")
        found.append(parent)
        name = parent
    return found[::-1]


def _in_group(annotation: Annotation, ancestors: list[str], groups: dict[str, Group]) -> Annotation:
    """Return an annotation with the layer and the colour of its group."""
    colour = annotation.colour
    outermost = groups.get(ancestors[0] if ancestors else annotation.label)
    if colour in (None, AUTOMATIC_COLOUR) and outermost and outermost.colour:
        colour = outermost.colour
    return replace(annotation, colour=colour, layer=LAYER_SEPARATOR.join(ancestors))


ASAP = Format("ASAP XML", (".asap.xml",), _claims, _read, write_asap)
