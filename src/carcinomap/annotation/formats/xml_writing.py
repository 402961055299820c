"""What all writers of XML need: safe attributes, exact coordinates, and what gets lost."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from xml.sax.saxutils import quoteattr

import shapely
from shapely import LinearRing

from carcinomap.annotation.annotations import Annotation, AnnotationSet
from carcinomap.annotation.geometry import on_grid

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def attributes(**values: object) -> str:
    """Return attributes as they stand in a tag; characters that XML cannot hold become ``�``."""
    return " ".join(
        f"{key}={quoteattr(_NOT_IN_XML.sub('�', str(value)))}" for key, value in values.items()
    )


def coordinates(ring: LinearRing) -> Iterator[tuple[str, str]]:
    """Yield x and y of every corner of a ring, each once."""
    for x, y in (shapely.get_coordinates(ring)[:-1] + 0.0).tolist():
        yield repr(x).removesuffix(".0"), repr(y).removesuffix(".0")


class Losses:
    """Counts what a format cannot hold."""

    def __init__(self) -> None:
        self._counts = Counter[str]()

    def add(self, message: str, count: int = 1) -> None:
        """Count something; ``{}`` in the message stands for how many there are in the end."""
        self._counts[message] += count

    def told(self) -> list[str]:
        """Return a line for each kind of thing."""
        return [message.format(f"{count:,}") for message, count in self._counts.items() if count]


def drawable(annotations: AnnotationSet, losses: Losses) -> list[Annotation]:
    """Return annotations as they will be read again: on the grid, and valid."""
    drawn = []
    for annotation in annotations.annotations:
        area = on_grid(annotation.geometry)
        if area.is_empty:
            losses.add("{} regions are lost: nothing of them is larger than 1/1024 pixel")
            continue
        if _NOT_IN_XML.search(annotation.label + annotation.name + annotation.layer):
            losses.add("control characters in the texts of {} regions became �: XML has none")
        drawn.append(replace(annotation, geometry=area))
    return drawn
