"""Parse the XML that ASAP stores.

A file has annotations of points in level-0 pixels, each part of a group or of none, and after
them the groups, which may be parts of others.
"""

import re
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from shapely import Polygon

from carcinomap.annotation.formats.colours import colour_of
from carcinomap.annotation.formats.regions import (
    NotAnArea,
    Points,
    Region,
    corners_of,
    on_slide,
    outline_of,
)
from carcinomap.annotation.formats.spline import closed_spline
from carcinomap.annotation.geometry import box, to_grid
from carcinomap.errors import InputError

NO_GROUP = "None"
"""Group of annotations and groups that are part of none."""

LAYER_SEPARATOR = "/"
"""Stands between the names of nested groups in the name of a layer."""

HOLE_GROUPS = frozenset({"hole", "holes", "exclusion", "_2"})
"""Groups whose polygons are holes, in small letters; ``_2`` is that of CAMELYON16."""

AUTOMATIC_COLOUR = "#f4fa58"
"""Colour that ASAP gives every annotation to which nobody gave another."""

AUTOMATIC_NAME = re.compile(r"Annotation \d+")
"""Name that ASAP gives every annotation to which nobody gave another."""

_NO_AREAS = {
    "Dot": NotAnArea("point", "a dot is no area"),
    "PointSet": NotAnArea("point", "a set of points is no area"),
    "Measurement": NotAnArea("open line", "a measurement is no area"),
}


def is_hole_group(name: str) -> bool:
    """Return whether the polygons of a group are holes."""
    return name.casefold() in HOLE_GROUPS


@dataclass(frozen=True)
class Group:
    """A group: the one it is part of, empty for none, and its colour."""

    parent: str
    colour: str | None


class AsapBuilder:
    """Makes regions of the elements of an ASAP file.

    Attributes:
        groups: By name; all of them when the file is read to its end.
    """

    root = "ASAP_Annotations"

    def __init__(self, path: Path) -> None:
        self.starts = {
            "Annotation": self._start_annotation,
            "Coordinate": self._coordinate,
            "Group": self._group,
        }
        self.ends = {"Annotation": self._end_annotation}
        self.groups: dict[str, Group] = {}
        self._path = path
        self._count = 0
        self._annotation: dict[str, str] | None = None
        self._order = array("d")
        self._x = array("d")
        self._y = array("d")
        self._finished: list[Region] = []

    def finished(self) -> list[Region]:
        """Hand out the regions that are complete by now."""
        regions, self._finished = self._finished, []
        return regions

    def _start_annotation(self, attributes: dict[str, str]) -> None:
        if self._annotation is not None:
            raise InputError(f"{self._path}: {self._place()} has an annotation inside")
        self._annotation = attributes
        self._count += 1

    def _group(self, attributes: dict[str, str]) -> None:
        group = Group(_group_of(attributes), colour_of(attributes.get("Color", "")))
        self.groups[attributes.get("Name", "").strip()] = group

    def _end_annotation(self, _text: str) -> None:
        annotation, place = self._annotation or {}, self._place()
        order, x, y = self._order, self._x, self._y
        self._annotation, self._order = None, array("d")
        self._x, self._y = array("d"), array("d")
        points = on_slide(f"{self._path}: {place}", x, y)
        name, label = annotation.get("Name", "").strip(), _group_of(annotation)
        region = Region(
            place=place,
            outline=_outline(annotation.get("Type", ""), _in_order(points, np.array(order))),
            label=label,
            name="" if AUTOMATIC_NAME.fullmatch(name) else name,
            colour=colour_of(annotation.get("Color", "")),
            hole=is_hole_group(label),
        )
        self._finished.append(region)

    def _place(self) -> str:
        name = (self._annotation or {}).get("Name", "")[:40]
        return f"annotation {self._count} ({name})" if name else f"annotation {self._count}"

    def _coordinate(self, attributes: dict[str, str]) -> None:
        if self._annotation is None:
            return
        try:
            self._x.append(_number(attributes.get("X", "")))
            self._y.append(_number(attributes.get("Y", "")))
        except ValueError as error:
            raise InputError(
                f"{self._path}: {self._place()} has a point that is none ({error})"[:500]
            ) from None
        try:
            self._order.append(float(attributes.get("Order", "")))
        except ValueError:
            self._order.append(np.nan)


def _group_of(attributes: dict[str, str]) -> str:
    """Return the group that something is part of, empty for none."""
    name = attributes.get("PartOfGroup", "").strip()
    return "" if name == NO_GROUP else name


def _number(text: str) -> float:
    """Return the number in a text; some languages have ASAP write ``12,5``."""
    return float(text.replace(",", "."))


def _in_order(points: Points, order: Points) -> Points:
    """Return points in the order that they name, or as they stand if it is none."""
    if not (np.isfinite(order) & (order == np.round(order))).all():
        return points
    return points[np.argsort(order, kind="stable")]


def _outline(kind: str, points: Points) -> Polygon | NotAnArea:
    """Return what an annotation of a type draws through points."""
    if kind in _NO_AREAS:
        return _NO_AREAS[kind]
    if kind not in ("Polygon", "Spline", "Rectangle"):
        return NotAnArea("other type", f"an annotation of type {kind[:40]} is no area")
    if kind == "Rectangle" and len(corners := corners_of(points)) == 2:
        return box(corners)
    if kind == "Spline":
        points = to_grid(closed_spline(points))
    return outline_of(points)
