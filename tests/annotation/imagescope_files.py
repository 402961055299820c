"""Write small ImageScope files."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

Points = Iterable[Sequence[float]]


def region_xml(
    points: Points, kind: str = "0", text: str = "", value: str | None = None, **attributes: Any
) -> str:
    """Return a <Region>; ``value`` becomes its attribute, other keywords its XML attributes."""
    inner = "" if value is None else f'<Attribute Name="Description" Value={quoteattr(value)}/>'
    attributes = {"Id": "1", "Type": kind, "Text": text, "NegativeROA": "0", **attributes}
    head = " ".join(f"{key}={quoteattr(str(item))}" for key, item in attributes.items())
    vertices = "".join(f'<Vertex X="{x}" Y="{y}" Z="0"/>' for x, y in points)
    return (
        f"<Region {head}><Attributes>{inner}</Attributes><Vertices>{vertices}</Vertices></Region>"
    )


def layer_xml(*regions: str, name: str = "", kind: str = "4") -> str:
    """Return an <Annotation> of some regions."""
    head = f'<Annotation Id="1" Name={quoteattr(name)} Type="{kind}"><Attributes/>'
    return f"{head}<Regions>{''.join(regions)}</Regions></Annotation>"


def file_xml(*layers: str, mpp: str = "0.5") -> str:
    """Return a whole file of some layers."""
    return f'<Annotations MicronsPerPixel="{mpp}">{"".join(layers)}</Annotations>'


def square(x: float, y: float, side: float) -> list[tuple[float, float]]:
    """Return the corners of a square."""
    return [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]


def write(folder: Path, *layers: str, mpp: str = "0.5") -> Path:
    """Write a file of some layers and return its path."""
    path = folder / "slide.xml"
    path.write_text(file_xml(*layers, mpp=mpp), encoding="utf-8")
    return path
