"""PLACEHOLDER."""

from pathlib import Path

from carcinomap.annotation.formats.contract import Annotations, FileContext, Format
from carcinomap.annotation.formats.sniffing import FileStart


def _claims(start: FileStart) -> bool:
    return False


def _read(path: Path, context: FileContext) -> Annotations:
    raise NotImplementedError


GEOJSON = Format("QuPath GeoJSON", (".geojson",), _claims, _read)
