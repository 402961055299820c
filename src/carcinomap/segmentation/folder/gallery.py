"""All maps of a folder on one page: ``index.html``, a card for each slide."""

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from math import floor, log10
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from carcinomap.annotation import ClassScheme
from carcinomap.errors import InputError
from carcinomap.files import atomic_path
from carcinomap.segmentation.folder.summary import NO_TISSUE, FolderSummary, MapSummary
from carcinomap.segmentation.results.classmap import ClassMap
from carcinomap.segmentation.results.outputs import MAP, OVERVIEW, POLYGONS, RECORD, Outputs
from carcinomap.version import __version__

GALLERY = "index.html"

START = b"<!DOCTYPE html>\n<!-- The maps of this folder, by carcinomap -->"
"""How every page begins that carcinomap wrote."""

LINKS = {MAP: "map", POLYGONS: "outlines", RECORD: "numbers"}
UNKNOWN = "#808080"
BUFFERED = 100  # pieces of the page that are written at once


@dataclass(frozen=True)
class Part:
    """A class in a slide's bar: its area in mm², its share of the tissue, its colour in CSS."""

    name: str
    area_mm2: float
    share: float
    colour: str


@dataclass(frozen=True)
class Card:
    """A slide as the page shows it.

    Attributes:
        map: What is known of it.
        picture: Address of its picture; empty where there is none.
        links: What else there is of it, as (address, text).
        parts: Its classes.
        values: What cards are sorted by: tissue, uncertainty, and the area of every class.
    """

    map: MapSummary
    picture: str
    links: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]
    values: tuple[float, ...]


def write_gallery(summary: FolderSummary, path: Path) -> None:
    """Write the page, which shows the pictures that lie beside it and needs nothing else.

    Args:
        summary: What it shows.
        path: The HTML file, in the folder of the maps.
    """
    environment = Environment(
        loader=PackageLoader("carcinomap.segmentation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"area": area_text, "percent": _percent}
    folder, colours, classes = path.parent, _Colours(path.parent), summary.classes
    script = files("carcinomap.segmentation").joinpath("templates/gallery.js").read_text("utf-8")
    page = environment.get_template("gallery.html.j2").stream(
        start=START.decode(),
        folder=folder.resolve().name,
        summary=summary,
        models=sorted({one.record.fingerprint for one in summary.maps}),
        totals=_totals(summary, colours),
        cards=(_card(one, folder, classes, colours) for one in summary.maps),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        version=__version__,
        no_tissue=NO_TISSUE.capitalize(),
    )
    page.enable_buffering(BUFFERED)
    with atomic_path(path) as temporary:
        page.dump(str(temporary), encoding="utf-8", errors="replace")


def area_text(mm2: float) -> str:
    """Return an area in mm² with three digits that count, or that it is smaller than 0.001."""
    if 0 < mm2 < 0.001:
        return "< 0.001"
    # Rounded before it is looked at: 99.96 is 100, with no decimals.
    rounded = float(f"{mm2:.3g}")
    decimals = max(0, 2 - floor(log10(rounded))) if rounded else 0
    return f"{mm2:,.{decimals}f}"


def _percent(share: float) -> str:
    return "< 0.1 %" if 0 < share < 0.001 else f"{100 * share:.1f} %"


class _Colours:
    """The colours of every model's classes, as its maps have them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Mapping[str, str]] = {}

    def of(self, one: MapSummary) -> Mapping[str, str]:
        """Return the colour in CSS of each class of a map, as far as it can be read."""
        model = one.record.fingerprint
        if model not in self._known:
            try:
                with ClassMap.open(Outputs(self._folder, one.name).path(MAP)) as class_map:
                    self._known[model] = _css(class_map.classes)
            except (InputError, OSError):  # another of the model's maps may tell
                return _css(ClassScheme.default())
        return self._known[model]


def _css(scheme: ClassScheme) -> dict[str, str]:
    return {tissue.name: tissue.colour for tissue in scheme.classes}


def _totals(summary: FolderSummary, colours: _Colours) -> list[Part]:
    """Return every class with its area in all slides."""
    areas = dict.fromkeys(summary.classes, 0.0)
    shown: dict[str, str] = {}
    for one in summary.maps:
        for part in _parts(one, colours):
            areas[part.name] += part.area_mm2
            shown.setdefault(part.name, part.colour)
    whole = sum(areas.values()) or 1.0
    return [Part(name, area, area / whole, shown[name]) for name, area in areas.items()]


def _parts(one: MapSummary, colours: _Colours) -> tuple[Part, ...]:
    css = colours.of(one)
    return tuple(
        Part(name, entry.area_mm2, entry.share_of_tissue, css.get(name, UNKNOWN))
        for name, entry in one.record.classes.items()
    )


def _card(one: MapSummary, folder: Path, classes: Sequence[str], colours: _Colours) -> Card:
    outputs = Outputs(folder, one.name)
    parts = _parts(one, colours)
    areas = {part.name: part.area_mm2 for part in parts}
    picture = outputs.path(OVERVIEW)
    return Card(
        one,
        _address(picture) if picture.is_file() else "",
        tuple(
            (_address(outputs.path(suffix)), text)
            for suffix, text in LINKS.items()
            if outputs.path(suffix).is_file()
        ),
        parts,
        (
            one.record.tissue_mm2,
            one.uncertainty or 0.0,
            *(areas.get(name, 0.0) for name in classes),
        ),
    )


def _address(path: Path) -> str:
    """Return the address of a file from a page beside it, whatever its name."""
    return f"./{quote(os.fsencode(path.name))}"
