"""The annotation file: outlines as ImageScope writes them, one layer, the class in ``Text``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from shapely import Polygon

from carcinomap.files import write_text


@dataclass(frozen=True)
class Outline:
    """A labelled region of whole level-0 pixels; its holes are those of the polygon."""

    label: str
    polygon: Polygon


def write_imagescope(path: Path, outlines: Sequence[Outline], mpp: float) -> None:
    """Write outlines, each followed by its holes as ``NegativeROA`` regions.

    ``Area`` and ``Length`` are those of the ring itself, in pixels.
    """
    root = ET.Element("Annotations", MicronsPerPixel=f"{mpp:.6f}")
    layer = ET.SubElement(
        root,
        "Annotation",
        Id="1",
        Name="Layer 1",
        ReadOnly="0",
        Type="4",
        LineColor="65280",
        Visible="1",
        Selected="1",
    )
    ET.SubElement(layer, "Attributes")
    regions = ET.SubElement(layer, "Regions")
    headers = ET.SubElement(regions, "RegionAttributeHeaders")
    for identity, name in ((9999, "Region"), (9997, "Length"), (9996, "Area"), (9998, "Text")):
        ET.SubElement(headers, "AttributeHeader", Id=str(identity), Name=name, ColumnWidth="-1")
    for identity, (label, ring, parent) in enumerate(_rings(outlines), start=1):
        regions.append(_region(identity, label, ring, parent, mpp))
    ET.SubElement(layer, "Plots")
    ET.indent(root, "\t")
    write_text(path, ET.tostring(root, encoding="unicode") + "\n")


def _rings(outlines: Sequence[Outline]) -> Iterator[tuple[str, Polygon, int]]:
    """Go through all rings: label, filled ring, and for a hole the number of its region, else 0."""
    number = 0
    for outline in outlines:
        number += 1
        parent = number
        yield outline.label, Polygon(outline.polygon.exterior), 0
        for hole in outline.polygon.interiors:
            number += 1
            yield outline.label, Polygon(hole), parent


def _region(identity: int, label: str, ring: Polygon, parent: int, mpp: float) -> ET.Element:
    """Build one ``Region`` element; the last vertex joins the first without being repeated."""
    region = ET.Element(
        "Region",
        Id=str(identity),
        Type="0",
        Zoom="0.25",
        Selected="0",
        ImageLocation="",
        ImageFocus="-1",
        Length=f"{ring.length:.1f}",
        Area=f"{ring.area:.1f}",
        LengthMicrons=f"{ring.length * mpp:.1f}",
        AreaMicrons=f"{ring.area * mpp**2:.1f}",
        Text=label,
        NegativeROA=str(int(parent > 0)),
        InputRegionId=str(parent),
        Analyze=str(int(parent == 0)),
        DisplayId=str(identity),
    )
    ET.SubElement(region, "Attributes")
    vertices = ET.SubElement(region, "Vertices")
    for x, y in list(ring.exterior.coords)[:-1]:
        ET.SubElement(vertices, "Vertex", X=str(round(x)), Y=str(round(y)), Z="0")
    return region
