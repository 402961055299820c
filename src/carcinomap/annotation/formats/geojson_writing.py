"""Write GeoJSON for QuPath, a feature a line."""

from pathlib import Path
from typing import Any, TextIO

import shapely

from carcinomap.annotation.annotations import Annotation, AnnotationSet
from carcinomap.annotation.formats.colours import colour_or_default
from carcinomap.annotation.formats.contract import FileContext
from carcinomap.annotation.formats.json_writing import as_json, write_rings

_POSITION = "[%g, %g]"


def write_geojson(path: Path, annotations: AnnotationSet, context: FileContext) -> list[str]:
    """Write the annotations of one slide; there is nothing that QuPath cannot hold."""
    origin = context.frame.bounds if context.frame else (0, 0)
    mpp = (context.frame and context.frame.mpp) or annotations.mpp
    head = {"type": "FeatureCollection", "origin": list(origin)} | ({"mpp": mpp} if mpp else {})
    colours = _class_colours(annotations)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(as_json(head)[:-1] + ', "features": [')
        for number, annotation in enumerate(annotations.annotations):
            file.write(",\n" if number else "\n")
            file.write('{"type": "Feature", "geometry": ')
            _write_geometry(file, annotation, origin)
            file.write(f', "properties": {as_json(_properties(annotation, colours))}}}')
        file.write("\n]}\n")
    return []


def _class_colours(annotations: AnnotationSet) -> dict[str, str]:
    """Return a colour for every class: QuPath has one for each, and refuses classes without."""
    colours: dict[str, str] = {}
    for annotation in annotations.annotations:
        if annotation.colour:
            colours.setdefault(annotation.label, annotation.colour)
    return {label: colour_or_default(colours.get(label), label) for label in annotations.labels()}


def _write_geometry(file: TextIO, annotation: Annotation, origin: tuple[int, int]) -> None:
    # Outlines run counterclockwise and holes clockwise, as RFC 7946 has it.
    parts = shapely.get_parts(shapely.orient_polygons(annotation.geometry))
    many = len(parts) > 1
    kind = "MultiPolygon" if many else "Polygon"
    file.write(f'{{"type": "{kind}", "coordinates": ' + "[" * many)
    for number, part in enumerate(parts):
        file.write(", [" if number else "[")
        rings = [shapely.get_coordinates(ring) - origin for ring in shapely.get_rings(part)]
        write_rings(file, rings, _POSITION)
        file.write("]")
    file.write("]" * many + "}")


def _properties(annotation: Annotation, colours: dict[str, str]) -> dict[str, Any]:
    """Return what QuPath knows of an annotation; it reads metadata as texts under any key."""
    label, colour = annotation.label, annotation.colour
    properties: dict[str, Any] = {"objectType": "annotation"}
    if annotation.name:
        properties["name"] = annotation.name
    if colour and not (label and colour == colours[label]):
        properties["color"] = _rgb(colour)
    if label:
        properties["classification"] = {"name": label, "color": _rgb(colours[label])}
    if annotation.layer:
        properties["metadata"] = {"layer": annotation.layer}
    return properties


def _rgb(colour: str) -> list[int]:
    return list(bytes.fromhex(colour.removeprefix("#")))
