"""Parse the XML that Aperio ImageScope stores, as it stands in the file.

A file has layers (``Annotation``) of regions (``Region``) of vertices in level-0 pixels. Files
come from anywhere: entities and document types are refused, the tree is never kept whole, and
every number is checked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import numpy as np
import numpy.typing as npt
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from carcinomap.errors import InputError

REGION_LAYER = "4"
"""Type of a layer that holds regions; others hold rulers and the like."""

_ROOT = "Annotations"
_FARTHEST = 1e9
_STEPS = 1024  # per pixel: finer differences are no drawing, and upset the geometry library


@dataclass(frozen=True)
class Layer:
    """A layer: its position in the file, its name, and its type."""

    position: int
    name: str
    kind: str


@dataclass(frozen=True)
class Region:
    """A region as the file has it.

    Attributes:
        layer: The layer it is in.
        name: How messages call it.
        kind: Its type, as written.
        label: What people called it, where they called it anything.
        negative: Whether it is a hole.
        vertices: float64 ``(n, 2)``, x and y in level-0 pixels, to 1/1024 of a pixel.
    """

    layer: Layer
    name: str
    kind: str
    label: str
    negative: bool
    vertices: npt.NDArray[np.float64]


def parse(path: Path) -> tuple[float | None, list[Region]]:
    """Return the microns per pixel that the file claims, if any, and all its regions, in order.

    Raises:
        InputError: Not XML, not whole, not ImageScope's, or with a vertex that is no point.
    """
    mpp: float | None = None
    regions: list[Region] = []
    layer = Layer(0, "", REGION_LAYER)
    root: Element | None = None
    for event, element in _events(path):
        if root is None:
            root = _checked_root(path, element)
            mpp = _positive(root.get("MicronsPerPixel", ""))
        elif event == "start" and element.tag == "Annotation":
            name, kind = element.get("Name", "").strip(), element.get("Type", REGION_LAYER)
            layer = Layer(layer.position + 1, name, kind)
        elif event == "end" and element.tag == "Region":
            regions.append(_region(path, layer, element))
            element.clear()
    return mpp, regions


def _events(path: Path) -> Iterator[tuple[str, Element]]:
    try:
        with path.open("rb") as file:
            yield from iterparse(file, ("start", "end"), forbid_dtd=True)
    except ParseError as error:
        line = f", line {error.position[0]}"
        raise InputError(
            f"{path}{line}: not XML, or not all of it ({error.msg}). Was it copied to its end?"
        ) from None
    except DefusedXmlException as error:
        raise InputError(
            f"{path}: has a document type or entities ({type(error).__name__}), which annotations "
            "have no use for and attacks have; remove the <!DOCTYPE …> if you trust the file"
        ) from None
    except (LookupError, ValueError) as error:
        raise InputError(f"{path}: the encoding that it names cannot be read ({error})") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def _checked_root(path: Path, element: Element) -> Element:
    if element.tag != _ROOT:
        raise InputError(
            f"{path}: begins with <{element.tag}>, where the annotations of ImageScope begin with "
            f"<{_ROOT}>; no other format can be read"
        )
    return element


def _positive(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < np.inf else None


def _region(path: Path, layer: Layer, element: Element) -> Region:
    name = f"Region {element.get('Id', '?')} of layer {layer.position}"
    values = [attribute.get("Value", "") for attribute in element.iterfind("Attributes/Attribute")]
    sources = (*values, element.get("Text", ""), layer.name)
    return Region(
        layer=layer,
        name=name,
        kind=element.get("Type", "0"),
        label=next((source.strip() for source in sources if source.strip()), ""),
        negative=element.get("NegativeROA") == "1",
        vertices=_vertices(f"{path}: {name}", element),
    )


def _vertices(where: str, element: Element) -> npt.NDArray[np.float64]:
    points = [(v.get("X", ""), v.get("Y", "")) for v in element.iterfind("Vertices/Vertex")]
    try:
        vertices = np.array([(float(x), float(y)) for x, y in points]).reshape(-1, 2)
    except ValueError as error:
        raise InputError(f"{where} has a vertex that is no point ({error})") from None
    wrong = ~(np.abs(vertices) <= _FARTHEST).all(axis=1)
    if wrong.any():
        x, y = points[int(wrong.argmax())]
        raise InputError(f"{where} has a vertex at ({x}, {y}), which can be on no slide")
    return np.round(vertices * _STEPS) / _STEPS
