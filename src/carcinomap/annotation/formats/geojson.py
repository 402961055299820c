"""GeoJSON as QuPath writes and reads it; also that of Digital Slide Archive, and plain geometries.

QuPath's coordinates begin at the corner of the slide's bounds.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely import Polygon

from carcinomap.annotation.annotations import Annotation, AnnotationSet, NoteKind
from carcinomap.annotation.formats.contract import FileContext, Format
from carcinomap.annotation.formats.dsa_labels import label_and_name
from carcinomap.annotation.formats.geojson_writing import write_geojson
from carcinomap.annotation.formats.json_outlines import centred, multipolygon, polygon
from carcinomap.annotation.formats.json_reader import JsonReader, Wanted, open_json
from carcinomap.annotation.formats.json_scalars import first_colour, number_of, numbers_of, text_of
from carcinomap.annotation.formats.json_start import outer_members
from carcinomap.annotation.formats.regions import NotAnArea, Region, gathered, on_slide
from carcinomap.annotation.formats.sniffing import FileStart
from carcinomap.annotation.geometry import Area, ellipse
from carcinomap.errors import InputError

_NO_AREAS: dict[str, NoteKind] = {
    "Point": "point",
    "MultiPoint": "point",
    "LineString": "open line",
    "MultiLineString": "open line",
}
_GEOMETRIES = {"Polygon", "MultiPolygon", "GeometryCollection", *_NO_AREAS}
_OUTER_TYPES = {"FeatureCollection", "Feature", *_GEOMETRIES}
_OUTER_KEYS = {"features", "geometry", "coordinates", "geometries"}
_WANTED = Wanted(
    frozenset(
        {
            *("type", "geometry", "geometries", "properties", "origin", "mpp"),
            *("classification", "name", "names", "parentClass", "color", "colorRGB", "metadata"),
            *("layer", "childObjects", "children"),
            *("annotation", "group", "label", "value", "lineColor", "fillColor"),
        }
    ),
    frozenset({"coordinates"}),
)


def _read(path: Path, context: FileContext) -> AnnotationSet:
    head: dict[str, Any] = {}
    with open_json(path, _WANTED) as reader:
        annotations, notes = gathered(_regions(reader, head))
    origin = context.frame.bounds if context.frame else _recorded_origin(path, head)
    mpp = number_of(head.get("mpp"))
    return AnnotationSet(_moved(annotations, origin), notes, path, mpp if mpp and mpp > 0 else None)


def _recorded_origin(path: Path, head: dict[str, Any]) -> tuple[float, float]:
    """Return where the file itself says that its origin lies, (0, 0) if it does not."""
    origin = numbers_of(head.get("origin"))
    if len(origin) != 2:
        return 0, 0
    x, y = on_slide(f"{path}: its origin", origin[:1], origin[1:]).ravel()
    return float(x), float(y)


def _moved(
    annotations: tuple[Annotation, ...], offset: tuple[float, float]
) -> tuple[Annotation, ...]:
    if offset == (0, 0):
        return annotations
    areas = shapely.transform([each.geometry for each in annotations], lambda xy: xy + offset)
    return tuple(
        replace(each, geometry=area) for each, area in zip(annotations, areas, strict=True)
    )


def _regions(reader: JsonReader, head: dict[str, Any]) -> Iterator[Region]:
    """Yield the regions of a file; the outermost object's other members go into ``head``."""
    document = ""  # of Digital Slide Archive: its first feature has the name for all
    for outer in _features(reader, head):
        for feature in _with_children(outer):
            if not isinstance(feature, dict):
                raise reader.refused("not an object")
            geometry, properties = _parts(reader, feature)
            about = properties.get("annotation")
            document = (text_of(about.get("name")) if isinstance(about, dict) else "") or document
            names = _names(properties, document)
            for outline in _outlines(reader.where, geometry, text_of(properties.get("type"))):
                yield Region(reader.place, outline, *names)


def _features(reader: JsonReader, head: dict[str, Any]) -> Iterator[Any]:
    if reader.begin() == "start_array":
        yield from reader.values("feature")
        return
    collection = False
    for key in reader.members():
        if key == "features":
            collection = True
            reader.enter(key, "start_array")
            yield from reader.values("feature")
        else:
            reader.take(key, head)
    if not collection:
        reader.place = "feature 1"
        yield head


def _with_children(feature: Any) -> Iterator[Any]:
    """Yield a feature, and those that QuPath keeps inside it."""
    yield feature
    properties = feature.get("properties") if isinstance(feature, dict) else None
    if isinstance(properties, dict):
        children = properties.get("childObjects", properties.get("children"))
        for child in children if isinstance(children, list) else ():
            yield from _with_children(child)


def _parts(reader: JsonReader, feature: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return geometry and properties of a feature, or of a geometry on its own."""
    kind = text_of(feature.get("type"))[:80]
    if kind == "Feature" or "geometry" in feature:
        properties = feature.get("properties")
        return feature.get("geometry"), properties if isinstance(properties, dict) else {}
    if kind in _GEOMETRIES:
        return feature, {}
    raise reader.refused(f"neither a feature nor a geometry (type '{kind}')")


def _outlines(where: str, geometry: Any, shape: str) -> Iterator[Area | NotAnArea]:
    """Yield what a geometry runs around, or each of a collection.

    Args:
        where: File and feature, for messages.
        geometry: As in the file.
        shape: What Digital Slide Archive had drawn the geometry as, if it says so.
    """
    if geometry is None:
        yield NotAnArea("no area", "it has no geometry")
        return
    kind = text_of(geometry.get("type"))[:80] if isinstance(geometry, dict) else ""
    if kind not in _GEOMETRIES:
        raise InputError(f"{where}: has a geometry of type '{kind}', which GeoJSON does not know")
    if kind in _NO_AREAS:
        yield NotAnArea(_NO_AREAS[kind], f"a {kind} is no area")
    elif kind == "GeometryCollection":
        geometries = geometry.get("geometries")
        for each in geometries if geometries and isinstance(geometries, list) else [None]:
            yield from _outlines(where, each, "")
    elif kind == "MultiPolygon":
        yield multipolygon(where, geometry.pop("coordinates", []))
    else:
        outline = polygon(where, geometry.pop("coordinates", []))
        yield _inscribed(where, outline) if shape in ("circle", "ellipse") else outline


def _inscribed(where: str, rectangle: Polygon | NotAnArea) -> Polygon | NotAnArea:
    """Return the ellipse in a rectangle: Digital Slide Archive writes rectangles for ellipses."""
    if isinstance(rectangle, NotAnArea) or len(rectangle.exterior.coords) != 5:
        return rectangle
    corners = shapely.get_coordinates(rectangle)[:4]
    across, down = corners[1] - corners[0], corners[2] - corners[1]
    size = float(np.hypot(*across)), float(np.hypot(*down))
    turn = float(np.arctan2(across[1], across[0]))
    return centred(where, ellipse, corners.mean(axis=0), size, turn)


def _names(properties: dict[str, Any], document: str) -> tuple[str, str, str | None, str]:
    """Return label, name, colour and layer."""
    classification = properties.get("classification")
    label, name = label_and_name(properties)
    if classification is not None:
        label, name = _class_name(classification), ""
    metadata = properties.get("metadata")
    layer = text_of(metadata.get("layer")) if isinstance(metadata, dict) else ""
    colour = first_colour(
        properties.get("color"),
        *_class_colours(classification),
        properties.get("lineColor"),
        properties.get("fillColor"),
    )
    name = text_of(properties.get("name")) or name
    return document if label is None else label, name, colour, layer or document


def _class_name(classification: Any) -> str:
    """Return the name of a class of QuPath; one derived from another follows it after a colon."""
    if not isinstance(classification, dict):
        return text_of(classification)
    names = classification.get("names")
    if not isinstance(names, list):
        names = [_class_name(classification.get("parentClass")), classification.get("name")]
    return ": ".join(filter(None, map(text_of, names)))


def _class_colours(classification: Any) -> tuple[Any, ...]:
    if not isinstance(classification, dict):
        return ()
    return classification.get("color"), classification.get("colorRGB")


def _claims(start: FileStart) -> bool:
    nothing = "".join(start.text.split()) == "[]"
    return nothing or any(
        key in _OUTER_KEYS or (key == "type" and text_of(value) in _OUTER_TYPES)
        for key, value in outer_members(start)
    )


GEOJSON = Format("QuPath GeoJSON", (".geojson",), _claims, _read, write_geojson)
