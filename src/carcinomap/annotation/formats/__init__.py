"""The formats in which annotations come and go: one module each, behind one contract."""

from carcinomap.annotation.formats.contract import Annotations, FileContext, Format
from carcinomap.annotation.formats.registry import (
    ANNOTATION_SUFFIXES,
    FORMATS,
    format_of,
    format_to_write,
    read_annotations,
    write_annotations,
)

__all__ = [
    "ANNOTATION_SUFFIXES",
    "FORMATS",
    "Annotations",
    "FileContext",
    "Format",
    "format_of",
    "format_to_write",
    "read_annotations",
    "write_annotations",
]
