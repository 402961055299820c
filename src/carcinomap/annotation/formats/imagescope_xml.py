"""Parse the XML that Aperio ImageScope stores.

A file has layers (``Annotation``) of regions (``Region``) of vertices in level-0 pixels. What a
region is called stands in one of its attributes, in its ``Text``, or is the name of its layer.
"""

from array import array
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from shapely import Polygon

from carcinomap.annotation.formats.regions import (
    NotAnArea,
    Points,
    Region,
    corners_of,
    on_slide,
    outline_of,
)
from carcinomap.annotation.geometry import box, ellipse
from carcinomap.errors import InputError

REGION_LAYER = "4"
"""Type of a layer that holds regions; others hold rulers and the like."""

NAME_HEADER = "Region name"
"""Header of the attribute in which carcinomap keeps what a single region is called."""

OUTLINE = "0"
"""Type of a region with an outline of its own; 1 is a rectangle, 2 an ellipse, 3 an arrow."""

_BOX, _ELLIPSE, _ARROW = "1", "2", "3"


@dataclass
class _Layer:
    position: int = 0
    name: str = ""
    kind: str = REGION_LAYER
    colour: str | None = None
    name_headers: set[str] = field(default_factory=set)


class ImageScopeBuilder:
    """Makes regions of the elements of an ImageScope file.

    Attributes:
        mpp: Microns per pixel that the file claims, once its first element is read.
    """

    root = "Annotations"

    def __init__(self, path: Path) -> None:
        self.starts = {
            "Annotations": self._start_file,
            "Annotation": self._start_layer,
            "AttributeHeader": self._header,
            "Region": self._start_region,
            "Attribute": self._attribute,
            "Vertex": self._vertex,
        }
        self.ends = {"Region": self._end_region}
        self.mpp: float | None = None
        self._path = path
        self._layer = _Layer()
        self._region: dict[str, str] | None = None
        self._values: list[str] = []
        self._name = ""
        self._x = array("d")
        self._y = array("d")
        self._finished: list[Region] = []

    def finished(self) -> list[Region]:
        """Hand out the regions that are complete by now."""
        regions, self._finished = self._finished, []
        return regions

    def _start_file(self, attributes: dict[str, str]) -> None:
        self.mpp = _positive(attributes.get("MicronsPerPixel", ""))

    def _start_layer(self, attributes: dict[str, str]) -> None:
        self._layer = _Layer(
            self._layer.position + 1,
            attributes.get("Name", "").strip(),
            attributes.get("Type", REGION_LAYER),
            _colour(attributes.get("LineColor", "")),
        )

    def _header(self, attributes: dict[str, str]) -> None:
        if attributes.get("Name") == NAME_HEADER:
            self._layer.name_headers.add(attributes.get("Id", ""))

    def _start_region(self, attributes: dict[str, str]) -> None:
        if self._region is not None:
            raise InputError(f"{self._path}: {self._place()} has a region inside")
        self._region = attributes

    def _end_region(self, _text: str) -> None:
        region, place, layer = self._region or {}, self._place(), self._layer
        x, y, values = self._x, self._y, self._values
        self._region, self._x, self._y, self._values = None, array("d"), array("d"), []
        text = region.get("Text", "").strip()
        name, self._name = self._name or (text if values else ""), ""
        vertices = on_slide(f"{self._path}: {place}", x, y)
        self._finished.append(
            Region(
                place=place,
                outline=_outline(layer.kind, region.get("Type", OUTLINE), vertices),
                label=next((label for label in (*values, text, layer.name) if label), ""),
                name=name,
                colour=layer.colour,
                layer=layer.name,
                hole=region.get("NegativeROA") == "1",
                group=layer.position,
            )
        )

    def _place(self) -> str:
        return f"Region {(self._region or {}).get('Id', '?')[:40]} of layer {self._layer.position}"

    def _vertex(self, attributes: dict[str, str]) -> None:
        if self._region is None:
            return
        try:
            self._x.append(float(attributes.get("X", "")))
            self._y.append(float(attributes.get("Y", "")))
        except ValueError as error:
            raise InputError(
                f"{self._path}: {self._place()} has a vertex that is no point ({error})"[:500]
            ) from None

    def _attribute(self, attributes: dict[str, str]) -> None:
        if self._region is None:
            return
        value = attributes.get("Value", "").strip()
        if attributes.get("Name") in self._layer.name_headers:
            self._name = value
        elif value:
            self._values.append(value)


def _outline(layer: str, kind: str, vertices: Points) -> Polygon | NotAnArea:
    """Return what a region of a type draws in a layer of a type."""
    if layer != REGION_LAYER:
        return NotAnArea("other type", f"a layer of type {layer[:40]} has no areas")
    if kind == _ARROW:
        return NotAnArea("arrow", "an arrow is no area")
    if kind not in (OUTLINE, _BOX, _ELLIPSE):
        return NotAnArea("other type", f"a region of type {kind[:40]} is no area")
    if kind != OUTLINE:
        corners = corners_of(vertices)
        if len(corners) == 2:
            return box(corners) if kind == _BOX else ellipse(corners)
    return outline_of(vertices)


def _positive(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < np.inf else None


def _colour(text: str) -> str | None:
    """Return the colour that a number stands for: its bytes are blue, green and red."""
    try:
        number = int(text)
    except ValueError:
        return None
    if not 0 <= number <= 0xFFFFFF:
        return None
    return f"#{number & 0xFF:02x}{number >> 8 & 0xFF:02x}{number >> 16:02x}"
