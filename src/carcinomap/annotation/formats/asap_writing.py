"""Write ASAP XML.

Labels become groups, layers the groups around them, and holes polygons of the group
``Exclusion``. ASAP has no layers to keep holes apart: where a hole would be taken for one of a
smaller region around it, its own region is cut open there instead, so that it covers what it did.
"""

from pathlib import Path
from typing import TextIO

import shapely
from shapely import LinearRing

from carcinomap.annotation.annotations import AnnotationSet
from carcinomap.annotation.formats.asap_groups import Groups
from carcinomap.annotation.formats.asap_xml import AUTOMATIC_NAME
from carcinomap.annotation.formats.colours import colour_or_default
from carcinomap.annotation.formats.contract import FileContext
from carcinomap.annotation.formats.xml_writing import Losses, attributes, coordinates, drawable
from carcinomap.annotation.holes import cut_open

_HOLES = "Exclusion"
_HOLE_COLOUR = "#000000"


def write_asap(path: Path, annotations: AnnotationSet, _context: FileContext) -> list[str]:
    """Write the annotations of one slide and return what ASAP cannot hold."""
    losses = Losses()
    drawn = drawable(annotations, losses)
    areas, opened, wrong = cut_open(annotation.geometry for annotation in drawn)
    losses.add("{} holes are cuts into their region: they lie in another region, too", opened)
    losses.add("{} holes will be taken for those of another region around them", wrong)
    groups = Groups(losses)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<ASAP_Annotations>\n\t<Annotations>\n')
        count = 0
        for annotation, area in zip(drawn, areas, strict=True):
            group = groups.of(annotation)
            if AUTOMATIC_NAME.fullmatch(annotation.name):
                losses.add("the names of {} regions are lost: ASAP itself gives such names")
            for part in shapely.get_parts(area):
                name = annotation.name or f"Annotation {count}"
                colour = colour_or_default(annotation.colour, annotation.label)
                _write_annotation(file, name, group, colour, part.exterior)
                for number, ring in enumerate(part.interiors, start=count + 1):
                    groups.add(_HOLES, _HOLE_COLOUR)
                    _write_annotation(file, f"Annotation {number}", _HOLES, _HOLE_COLOUR, ring)
                count += 1 + len(part.interiors)
        file.write("\t</Annotations>\n\t<AnnotationGroups>\n")
        file.writelines(groups.lines())
        file.write("\t</AnnotationGroups>\n</ASAP_Annotations>\n")
    return losses.told()


def _write_annotation(file: TextIO, name: str, group: str, colour: str, ring: LinearRing) -> None:
    head = attributes(Name=name, Type="Polygon", PartOfGroup=group, Color=colour)
    file.write(f"\t\t<Annotation {head}>\n\t\t\t<Coordinates>\n")
    file.writelines(
        f'\t\t\t\t<Coordinate Order="{order}" X="{x}" Y="{y}"/>\n'
        for order, (x, y) in enumerate(coordinates(ring))
    )
    file.write("\t\t\t</Coordinates>\n\t\t</Annotation>\n")
