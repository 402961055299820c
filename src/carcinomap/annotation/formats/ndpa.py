"""NDPA, the annotations that Hamamatsu's NDP.view keeps beside a slide. Read, not written.

Coordinates are nanometres from the centre of the glass, so that the slide is needed to place them.
The title of an annotation is its label, what its details say its name. The format has no holes.
"""

from array import array
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from shapely import Polygon

from carcinomap.annotation.annotations import AnnotationSet
from carcinomap.annotation.formats.colours import colour_of
from carcinomap.annotation.formats.contract import FileContext, Format
from carcinomap.annotation.formats.regions import (
    NotAnArea,
    Points,
    Region,
    corners_of,
    gathered,
    on_slide,
    outline_of,
)
from carcinomap.annotation.formats.sniffing import FileStart
from carcinomap.annotation.formats.xml_events import stream
from carcinomap.annotation.frame import SlideFrame
from carcinomap.annotation.geometry import box, ellipse
from carcinomap.errors import InputError

_UNIT = "nanometers"
_TEXTS = ("title", "details", "coordformat", "closed", "specialtype", "radius")
_OPEN_LINE = "AnnotateFreehandLine"
_NO_AREAS = {
    "pin": NotAnArea("point", "a pin is no area"),
    "pointer": NotAnArea("arrow", "a pointer is no area"),
    "linearmeasure": NotAnArea("open line", "a measurement is no area"),
}


@dataclass
class _Drawing:
    """An annotation: its attributes, the texts in it, and its points in nanometres."""

    attributes: dict[str, str]
    texts: dict[str, str] = field(default_factory=dict)
    points: "tuple[array[float], array[float]]" = field(
        default_factory=lambda: (array("d"), array("d"))
    )


class NdpaBuilder:
    """Makes regions of the elements of an NDPA file."""

    root = "annotations"

    def __init__(self, path: Path, frame: SlideFrame) -> None:
        self.starts = {"ndpviewstate": self._start_view, "annotation": self._start_drawing}
        self.ends = {
            "x": lambda text: self._coordinate(0, text),
            "y": lambda text: self._coordinate(1, text),
            "point": self._end_point,
            "annotation": self._end_drawing,
            "ndpviewstate": self._end_view,
        }
        for name in _TEXTS:
            self.ends[name] = partial(self._text, name)
        self._path = path
        self._nm_per_pixel, self._corner_nm = _placement(path, frame)
        self._place = ""
        self._texts: dict[str, str] = {}
        self._drawings: list[_Drawing] = []
        self._drawing: _Drawing | None = None
        self._finished: list[Region] = []

    def finished(self) -> list[Region]:
        """Hand out the regions that are complete by now."""
        regions, self._finished = self._finished, []
        return regions

    def _start_view(self, attributes: dict[str, str]) -> None:
        self._place = f"annotation {attributes.get('id', '?')[:40]}"
        self._texts, self._drawings, self._drawing = {}, [], None

    def _start_drawing(self, attributes: dict[str, str]) -> None:
        if self._drawing:
            raise InputError(f"{self._path}: {self._place} has an annotation inside")
        self._drawing = _Drawing(attributes)
        self._drawings.append(self._drawing)

    def _text(self, name: str, text: str) -> None:
        texts = self._drawing.texts if self._drawing else self._texts
        texts[name] = text.strip()

    def _coordinate(self, axis: int, text: str) -> None:
        if self._drawing:  # those of a view are where its middle is
            self._drawing.points[axis].append(self._number(text))

    def _end_point(self, _text: str) -> None:
        if self._drawing and len(set(map(len, self._drawing.points))) > 1:
            raise InputError(f"{self._path}: {self._place} has a point without x or y")

    def _end_drawing(self, text: str) -> None:
        self._end_point(text)
        self._drawing = None

    def _number(self, text: str) -> float:
        try:
            return float(text)
        except ValueError:
            raise InputError(
                f"{self._path}: {self._place} has {text[:40]!r} where a number belongs"
            ) from None

    def _end_view(self, _text: str) -> None:
        unit = self._texts.get("coordformat", _UNIT)
        if unit != _UNIT:
            raise InputError(
                f"{self._path}: {self._place} counts in {unit[:40]!r}, where NDP.view has {_UNIT}"
            )
        if not self._drawings:
            outline = NotAnArea("other type", "a view in which nothing is drawn")
            self._finished.append(Region(self._place, outline))
        for drawing in self._drawings:
            self._finished.append(
                Region(
                    place=self._place,
                    outline=self._outline(drawing),
                    label=self._texts.get("title", ""),
                    name=self._texts.get("details", ""),
                    colour=colour_of(drawing.attributes.get("color", "")),
                )
            )

    def _outline(self, drawing: _Drawing) -> Polygon | NotAnArea:
        kind = drawing.attributes.get("type", "").strip().lower()
        if kind in _NO_AREAS:
            return _NO_AREAS[kind]
        if kind not in ("freehand", "circle"):
            return NotAnArea("other type", f"an annotation of type {kind[:40]!r} is no area")
        points = self._points(drawing)
        if kind == "circle":
            return self._circle(points, self._number(drawing.texts.get("radius", "")))
        if drawing.texts.get("specialtype") == "rectangle" and len(c := corners_of(points)) == 2:
            return box(c)
        named_open = drawing.attributes.get("displayname") == _OPEN_LINE
        if drawing.texts.get("closed", "0" if named_open else "1") == "0":
            return NotAnArea("open line", "a line that is not closed")
        return outline_of(points)

    def _points(self, drawing: _Drawing) -> Points:
        """Return the points of a drawing in level-0 pixels."""
        nm = np.column_stack(drawing.points)
        pixels = (nm - self._corner_nm) / self._nm_per_pixel
        return on_slide(f"{self._path}: {self._place}", pixels[:, 0], pixels[:, 1])

    def _circle(self, points: Points, radius_nm: float) -> Polygon | NotAnArea:
        radius = radius_nm / self._nm_per_pixel
        if len(points) != 1 or not 0 < radius < np.inf:
            return NotAnArea("no area", "a circle without a centre or a radius")
        corners = np.concatenate((points - radius, points + radius))
        on_slide(f"{self._path}: {self._place}", corners[:, 0], corners[:, 1])
        return ellipse(corners)


def _placement(path: Path, frame: SlideFrame) -> tuple[float, Points]:
    """Return nanometres per pixel, and where the slide's corner is from the glass's centre."""
    if frame.mpp is None or frame.glass_offset_nm is None:
        raise InputError(
            f"{path}: counts in nanometres on the glass, and the slide does not say "
            "where on the glass it is; NDPA files belong to Hamamatsu's .ndpi slides"
        )
    nm_per_pixel = 1000 * frame.mpp
    half = np.array((frame.width, frame.height)) * nm_per_pixel / 2
    return nm_per_pixel, np.array(frame.glass_offset_nm) - half


def _claims(start: FileStart) -> bool:
    return start.root == NdpaBuilder.root


def _read(path: Path, context: FileContext) -> AnnotationSet:
    """Read the annotations of one slide.

    Raises:
        InputError: The file is not whole, or not what it should be; or its slide is missing.
    """
    if context.frame is None:
        raise InputError(
            f"{path}: counts in nanometres on the glass, which only its slide can place; "
            "keep the slide beside it, or name it"
        )
    annotations, notes = gathered(stream(path, NdpaBuilder(path, context.frame), text=True))
    return AnnotationSet(annotations, notes, path)


NDPA = Format("NDP.view annotation", (".ndpa",), _claims, _read)
