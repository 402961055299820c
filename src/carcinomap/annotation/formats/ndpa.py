"""PLACEHOLDER."""

from pathlib import Path

from carcinomap.annotation.formats.contract import Annotations, FileContext, Format
from carcinomap.annotation.formats.sniffing import FileStart


def _claims(start: FileStart) -> bool:
    return False


def _read(path: Path, context: FileContext) -> Annotations:
    raise NotImplementedError


NDPA = Format("NDP.view annotation", (".ndpa",), _claims, _read)
