"""Annotations of Digital Slide Archive and HistomicsTK, as its girder server hands them out.

A document has a name and elements; a file is a document, or a list of them, each perhaps inside
the record that the server keeps of it. Coordinates are level-0 pixels.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from carcinomap.annotation.annotations import AnnotationSet, NoteKind
from carcinomap.annotation.formats.contract import FileContext, Format
from carcinomap.annotation.formats.dsa_labels import label_and_name
from carcinomap.annotation.formats.dsa_writing import write_dsa
from carcinomap.annotation.formats.json_outlines import centred, listed, polygon
from carcinomap.annotation.formats.json_reader import JsonReader, Wanted, open_json
from carcinomap.annotation.formats.json_scalars import first_colour, number_of, numbers_of, text_of
from carcinomap.annotation.formats.json_start import outer_members
from carcinomap.annotation.formats.regions import (
    NotAnArea,
    Points,
    Region,
    gathered,
    on_slide,
)
from carcinomap.annotation.formats.sniffing import FileStart
from carcinomap.annotation.geometry import Area, box, ellipse

_OUTER_KEYS = {"elements", "annotation"}
_SHAPES = {"rectangle": box, "ellipse": ellipse, "circle": ellipse}
_NO_AREAS: dict[str, NoteKind] = {"point": "point", "arrow": "arrow"}
_WANTED = Wanted(
    frozenset(
        {
            *("name", "type", "closed", "center", "width", "height", "radius", "rotation"),
            *("group", "label", "value", "lineColor", "fillColor"),
        }
    ),
    frozenset({"points", "holes"}),
)


def _read(path: Path, context: FileContext) -> AnnotationSet:
    with open_json(path, _WANTED) as reader:
        annotations, notes = gathered(_regions(reader))
    return AnnotationSet(annotations, notes, path)


def _regions(reader: JsonReader) -> Iterator[Region]:
    if reader.begin() == "start_map":
        yield from _document(reader, "")
        return
    for number, (event, _) in enumerate(reader.items(), start=1):
        reader.place = f"document {number}"
        if event != "start_map":
            raise reader.refused("not an object")
        yield from _document(reader, f"document {number}, ")


def _document(reader: JsonReader, place: str, record: bool = True) -> Iterator[Region]:
    """Yield the regions of the document just entered.

    Args:
        reader: The file.
        place: What messages say before the number of an element.
        record: Whether the document may be inside what was entered.
    """
    found: list[tuple[Region, str | None]] = []
    about: dict[str, Any] = {}
    for key in reader.members():
        if key == "annotation" and record:
            reader.enter(key, "start_map")
            yield from _document(reader, place, record=False)
        elif key == "elements":
            reader.enter(key, "start_array")
            found.extend(_region(reader, each) for each in reader.values(f"{place}element"))
        else:
            reader.take(key, about)
    name = text_of(about.get("name"))  # which may follow the elements
    for region, label in found:
        yield replace(region, label=name if label is None else label, layer=name)


def _region(reader: JsonReader, element: Any) -> tuple[Region, str | None]:
    """Return an element as a region without a label, and its label, None where it has none."""
    if not isinstance(element, dict):
        raise reader.refused("not an object")
    label, name = label_and_name(element)
    colour = first_colour(element.get("lineColor"), element.get("fillColor"))
    return Region(reader.place, _outline(reader, element), "", name, colour), label


def _outline(reader: JsonReader, element: dict[str, Any]) -> Area | NotAnArea:
    kind = text_of(element.get("type"))
    if kind == "polyline" and element.get("closed"):
        holes = listed(reader.where, element.get("holes", []))
        return polygon(reader.where, [element.get("points", []), *holes])
    if kind == "polyline":
        return NotAnArea("open line", "its line is not closed")
    if kind not in _SHAPES:
        return NotAnArea(_NO_AREAS.get(kind, "other type"), f"a {kind[:80] or 'thing'} is no area")
    keys = ("radius", "radius") if kind == "circle" else ("width", "height")
    width, height = (_length(reader, element, key) for key in keys)
    size = (2 * width, 2 * height) if kind == "circle" else (width, height)
    turn = number_of(element.get("rotation")) or 0.0
    return centred(reader.where, _SHAPES[kind], _centre(reader, element), size, turn)


def _length(reader: JsonReader, element: dict[str, Any], key: str) -> float:
    length = number_of(element.get(key))
    if length is None or length < 0:
        raise reader.refused(f"its {key} is no length")
    return length


def _centre(reader: JsonReader, element: dict[str, Any]) -> Points:
    centre = numbers_of(element.get("center"))
    if len(centre) < 2:
        raise reader.refused("its center is no point")
    return on_slide(reader.where, centre[:1], centre[1:2]).ravel()


def _claims(start: FileStart) -> bool:
    return any(key in _OUTER_KEYS for key, _ in outer_members(start))


DSA = Format("DSA (HistomicsTK) JSON", (".json",), _claims, _read, write_dsa)
