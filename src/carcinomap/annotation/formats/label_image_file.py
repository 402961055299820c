"""Label images as files: read PNG and TIFF, write either."""

from pathlib import Path

from carcinomap.annotation.formats.contract import FileContext, Format
from carcinomap.annotation.formats.label_image_writing import write_label_image
from carcinomap.annotation.formats.sniffing import FileStart
from carcinomap.annotation.label_images import LabelImage


def _claims(start: FileStart) -> bool:
    return start.kind == "image"


def _read(path: Path, context: FileContext) -> LabelImage:
    return LabelImage.open(path, context.frame)


LABEL_IMAGE = Format("label image", (".png", ".tif", ".tiff"), _claims, _read, write_label_image)
