"""Write ImageScope XML.

The label of a region is its ``Text``; holes are ``NegativeROA`` regions right after theirs.
A layer has one colour and one name, so that a new one begins with every other; and also where the
reader's rule, a hole belongs to the smallest region around it, would give a hole to another
region. The order of the file is the order in which regions lie on one another.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import shapely
from shapely import LinearRing

from carcinomap.annotation.annotations import Annotation, AnnotationSet
from carcinomap.annotation.formats.colours import colour_or_default
from carcinomap.annotation.formats.contract import FileContext
from carcinomap.annotation.formats.imagescope_xml import NAME_HEADER, OUTLINE, REGION_LAYER
from carcinomap.annotation.formats.xml_writing import Losses, attributes, coordinates, drawable
from carcinomap.annotation.holes import rivalries

_NAME_HEADER_ID = 1
_LAYER_END = "\t\t</Regions>\n\t\t<Plots/>\n\t</Annotation>\n"
_HEADERS = {9999: "Region", 9997: "Length", 9996: "Area", 9998: "Text"} | {
    _NAME_HEADER_ID: NAME_HEADER
}


def write_imagescope(path: Path, annotations: AnnotationSet, context: FileContext) -> list[str]:
    """Write the annotations of one slide and return what ImageScope cannot hold."""
    losses = Losses()
    mpp = (context.frame and context.frame.mpp) or annotations.mpp
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        known = f" {attributes(MicronsPerPixel=mpp)}" if mpp else ""
        file.write(f"<Annotations{known}>\n")
        for number, layer in enumerate(_layers(drawable(annotations, losses), losses), start=1):
            _write_layer(file, number, layer, mpp or 0.0)
        file.write("</Annotations>\n")
    return losses.told()


def _layers(annotations: Sequence[Annotation], losses: Losses) -> Iterator[list[Annotation]]:
    """Yield runs of annotations that fit into one layer each."""
    barriers = _barriers(annotations)
    layer: list[Annotation] = []
    begun = 0
    for position, annotation in enumerate(annotations):
        if annotation.layer and not annotation.label:
            losses.add("the layer names of {} regions are lost: it would become their label")
        if layer and (_style(annotation) != _style(layer[0]) or barriers[position] >= begun):
            yield layer
            layer, begun = [], position
        layer.append(annotation)
    if layer:
        yield layer


def _barriers(annotations: Sequence[Annotation]) -> list[int]:
    """Return for every annotation the last one before it with which it cannot share a layer."""
    barriers = [-1] * len(annotations)
    for rivalry in rivalries(annotation.geometry for annotation in annotations):
        first, last = sorted((rivalry.owner, rivalry.rival))
        barriers[last] = max(barriers[last], first)
    return barriers


def _style(annotation: Annotation) -> tuple[str, str]:
    """Return name and colour of the layer that an annotation needs."""
    # A region without a label would be read as labelled with the name of its layer.
    name = annotation.layer if annotation.label else ""
    return name, colour_or_default(annotation.colour, annotation.label)


def _write_layer(file: TextIO, number: int, layer: Sequence[Annotation], mpp: float) -> None:
    name, colour = _style(layer[0])
    red, green, blue = bytes.fromhex(colour[1:])
    head = attributes(
        Id=number, Name=name, ReadOnly=0, NameReadOnly=0, LineColorReadOnly=0, Incremental=0,
        Type=REGION_LAYER, LineColor=red + 256 * green + 65536 * blue, Visible=1, Selected=0,
        MarkupImagePath="", MacroName="",
    )  # fmt: skip
    file.write(f"\t<Annotation {head}>\n\t\t<Attributes/>\n\t\t<Regions>\n")
    file.write("\t\t\t<RegionAttributeHeaders>\n")
    for header, title in _HEADERS.items():
        line = attributes(Id=header, Name=title, ColumnWidth=-1)
        file.write(f"\t\t\t\t<AttributeHeader {line}/>\n")
    file.write("\t\t\t</RegionAttributeHeaders>\n")
    region = 0
    for annotation in layer:
        for part in shapely.get_parts(annotation.geometry):
            for position, ring in enumerate((part.exterior, *part.interiors)):
                region += 1
                _write_region(file, region, ring, annotation, position > 0, mpp)
    file.write(_LAYER_END)


def _write_region(
    file: TextIO, number: int, ring: LinearRing, annotation: Annotation, hole: bool, mpp: float
) -> None:
    length, area = ring.length, shapely.area(shapely.polygons(ring))
    head = attributes(
        Id=number, Type=OUTLINE, Zoom=1, Selected=0, ImageLocation="", ImageFocus=-1,
        Length=f"{length:.1f}", Area=f"{area:.1f}", LengthMicrons=f"{length * mpp:.1f}",
        AreaMicrons=f"{area * mpp * mpp:.1f}", Text="" if hole else annotation.label,
        NegativeROA=int(hole), InputRegionId=0, Analyze=1, DisplayId=number,
    )  # fmt: skip
    file.write(f"\t\t\t<Region {head}>\n")
    if annotation.name and not hole:
        name = attributes(Name=_NAME_HEADER_ID, Id=0, Value=annotation.name)
        file.write(f"\t\t\t\t<Attributes>\n\t\t\t\t\t<Attribute {name}/>\n\t\t\t\t</Attributes>\n")
    else:
        file.write("\t\t\t\t<Attributes/>\n")
    file.write("\t\t\t\t<Vertices>\n")
    file.writelines(f'\t\t\t\t\t<Vertex X="{x}" Y="{y}" Z="0"/>\n' for x, y in coordinates(ring))
    file.write("\t\t\t\t</Vertices>\n\t\t\t</Region>\n")
