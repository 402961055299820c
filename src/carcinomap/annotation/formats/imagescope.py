"""Read ImageScope annotations: from the regions of the file to labelled areas.

Every region of the file ends as an annotation, as a hole in one, or in a note that says why not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from shapely import Polygon

from carcinomap.annotation.annotations import Annotation, AnnotationSet, Note, NoteKind
from carcinomap.annotation.formats.contract import FileContext, Format
from carcinomap.annotation.formats.imagescope_xml import REGION_LAYER, Region, parse
from carcinomap.annotation.formats.sniffing import FileStart
from carcinomap.annotation.geometry import Area, box, ellipse, repaired
from carcinomap.annotation.holes import cut_holes

_OUTLINE, _BOX, _ELLIPSE, _ARROW = "0", "1", "2", "3"


class _NotAnAreaError(Exception):
    def __init__(self, kind: NoteKind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


@dataclass
class _Drawn:
    """A region and what it covers."""

    region: Region
    area: Area


def _read(path: Path, context: FileContext) -> AnnotationSet:
    """Read the annotations of one slide.

    Raises:
        InputError: The file is not whole, or not what it should be.
    """
    mpp, regions = parse(path)
    drawn: list[_Drawn] = []
    notes: list[Note] = []
    for region in regions:
        try:
            area, note = _area(region)
        except _NotAnAreaError as reason:
            notes.append(Note(reason.kind, f"{region.name}: {reason}"))
        else:
            drawn.append(_Drawn(region, area))
            notes.extend(note)
    notes.extend(_cut_layers(drawn))
    areas = [one for one in drawn if not one.region.negative]
    notes.extend(
        Note("no area", f"{one.region.name}: holes leave nothing of it")
        for one in areas
        if one.area.is_empty
    )
    annotations = tuple(
        Annotation(one.region.label, one.area) for one in areas if not one.area.is_empty
    )
    return AnnotationSet(annotations, tuple(notes), path, mpp)


def _area(region: Region) -> tuple[Area, list[Note]]:
    """Return what a region covers, with a note if that had to be repaired."""
    outline = _outline(region)
    if outline.is_valid:
        return outline, []
    area = repaired(outline)
    if area.is_empty:
        raise _NotAnAreaError("no area", "its outline encloses nothing")
    change = f"{outline.area:,.1f} → {area.area:,.1f} px²"
    message = f"{region.name}: its outline touches or crosses itself; repaired, area {change}"
    return area, [Note("repaired", message)]


def _outline(region: Region) -> Polygon:
    if region.layer.kind != REGION_LAYER:
        raise _NotAnAreaError("other type", f"a layer of type {region.layer.kind} has no areas")
    if region.kind == _ARROW:
        raise _NotAnAreaError("arrow", "an arrow is no area")
    if region.kind not in (_OUTLINE, _BOX, _ELLIPSE):
        raise _NotAnAreaError("other type", f"a region of type {region.kind} is no area")
    corners = np.unique(region.vertices, axis=0)
    if len(corners) == 2 and region.kind == _BOX:
        return box(corners)
    if len(corners) == 2 and region.kind == _ELLIPSE:
        return ellipse(corners)
    if len(corners) < 3:
        raise _NotAnAreaError("open line", f"{len(corners)} different vertices are no outline")
    return Polygon(region.vertices)


def _cut_layers(drawn: Sequence[_Drawn]) -> list[Note]:
    """Cut the holes of every layer out of its areas, in place, and say what became of them."""
    notes = []
    holes_cut = 0
    for layer in sorted({one.region.layer.position for one in drawn if one.region.negative}):
        members = [one for one in drawn if one.region.layer.position == layer]
        holes = [one for one in members if one.region.negative]
        areas = [one for one in members if not one.region.negative]
        cut, strays = cut_holes([one.area for one in areas], [one.area for one in holes])
        for one, area in zip(areas, cut, strict=True):
            one.area = area
        for stray in strays:
            name = holes[stray].region.name
            notes.append(Note("stray hole", f"{name}: a hole that lies in no region of its layer"))
        holes_cut += len(holes) - len(strays)
    if holes_cut:
        notes.append(Note("hole", "holes, cut out of the regions around them", holes_cut))
    return notes


def _claims(start: FileStart) -> bool:
    return start.root == "Annotations"


IMAGESCOPE = Format("ImageScope XML", (".xml",), _claims, _read)
