"""Write annotations for Digital Slide Archive, an element a line."""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any, TextIO

import shapely
from shapely import Polygon

from carcinomap.annotation.annotations import Annotation, AnnotationSet
from carcinomap.annotation.formats.contract import FileContext
from carcinomap.annotation.formats.json_writing import as_json, write_rings

_POSITION = "[%g, %g, 0]"


def write_dsa(path: Path, annotations: AnnotationSet, context: FileContext) -> list[str]:
    """Write the annotations of one slide and return what Digital Slide Archive cannot hold.

    A layer is a document. Several are a list of documents, which it takes as well; a layer that
    comes back after another becomes a further document, since the order says what lies on top.
    """
    drawn = annotations.annotations
    layers = [(name, list(run)) for name, run in groupby(drawn, key=lambda each: each.layer)]
    several = len(layers) > 1
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("[" * several)
        for number, (name, layer) in enumerate(layers or [("", [])]):
            file.write(",\n" if number else "")
            _write_document(file, name, layer)
        file.write("]" * several + "\n")
    parts = [len(shapely.get_parts(each.geometry)) for each in drawn]
    split = [count for count in parts if count > 1]
    lost = f"regions of several parts are split: {len(split):,} became {sum(split):,}"
    return [lost] if split else []


def _write_document(file: TextIO, name: str, layer: Iterable[Annotation]) -> None:
    file.write("{" + (f'"name": {as_json(name)}, ' if name else "") + '"elements": [')
    begun = False
    for annotation in layer:
        about = _about(annotation)
        for part in shapely.get_parts(annotation.geometry):
            file.write(",\n" if begun else "\n")
            _write_element(file, part, about)
            begun = True
    file.write("\n]}")


def _write_element(file: TextIO, part: Polygon, about: dict[str, Any]) -> None:
    outline, *holes = (shapely.get_coordinates(ring)[:-1] for ring in shapely.get_rings(part))
    file.write('{"type": "polyline", "closed": true, "points": ')
    write_rings(file, [outline], _POSITION)
    if holes:
        file.write(', "holes": [')
        write_rings(file, holes, _POSITION)
        file.write("]")
    file.write(", " + as_json(about)[1:] if about else "}")


def _about(annotation: Annotation) -> dict[str, Any]:
    """Return the class of an annotation as its group, its name as its label, and its colour."""
    about: dict[str, Any] = {}
    if annotation.label or annotation.name or annotation.layer:
        about["group"] = annotation.label  # where there is none, the others would be the class
    if annotation.name:
        about["label"] = {"value": annotation.name}
    if annotation.colour:
        about |= {"lineColor": annotation.colour, "fillColor": "rgba(0, 0, 0, 0)"}
    return about
