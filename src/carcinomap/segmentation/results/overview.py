"""One picture of the result: the slide, the map laid over it, what the colours mean."""

import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from carcinomap.annotation import ClassScheme
from carcinomap.segmentation.unfinished.spool import NOT_MAPPED
from carcinomap.slide.scale_bar import bar_length, bar_text

MAX_SIDE = 2000
STRENGTH = 0.4  # of the colour over the slide
SMALLEST = 64  # pixels of width and height that a scale bar needs

# The legend, in pixels.
COLUMN = 300  # width of a column of classes
ENTRY = 48  # height of a class
ENTRIES = 12  # classes that a column holds even beside a slide that is not as high
MARGIN = 16
SWATCH = 24  # side of the square in a class's colour
TITLE, TEXT = 17, 15  # sizes of type
LINE = 1.2  # from line to line, of the size of type
HEAD = round(MARGIN + 2 * LINE * TITLE + MARGIN)  # height of what is above the classes

LONGEST = 200  # characters that are looked at of a name
FONT = "matplotlib/mpl-data/fonts/ttf/DejaVuSans.ttf"
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def draw_overview(
    path: Path,
    thumbnail: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    mpp: float,
    classes: ClassScheme,
    areas_mm2: Mapping[str, float],
    title: str,
) -> None:
    """Write a PNG; the same input gives the same bytes.

    Args:
        path: The file.
        thumbnail: uint8 (h, w, 3), the whole slide.
        labels: uint8, any size: the whole map.
        mpp: Microns per pixel of the thumbnail.
        classes: Names and colours; class 0 stays uncoloured.
        areas_mm2: Area of every class.
        title: The slide's name.
    """
    picture = Image.fromarray(overlay(thumbnail, labels, classes.colours_rgb))
    _draw_scale_bar(picture, mpp)
    legend = _legend(picture.height, classes, areas_mm2, title)
    size = (picture.width + legend.width, max(picture.height, legend.height))
    whole = Image.new("RGB", size, "white")
    whole.paste(picture, (0, 0))
    whole.paste(legend, (picture.width, 0))
    # One filter for all rows takes a third of the time of choosing one for each.
    png = imagecodecs.png_encode(np.asarray(whole), level=1, filter=imagecodecs.PNG.FILTER.UP)
    path.write_bytes(png)


def overlay(
    image: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    colours: Sequence[tuple[int, int, int]],
) -> NDArray[np.uint8]:
    """Return ``image`` tinted with the colours of all classes but 0, their borders drawn full.

    Args:
        image: uint8 (h, w, 3).
        labels: uint8, any size; stretched over the image.
        colours: Of the classes, 0 to 255.
    """
    rows, columns = (
        ((np.arange(count) + 0.5) * size / count).astype(np.int64)
        for count, size in zip(image.shape[:2], labels.shape, strict=True)
    )
    stretched = labels[rows].take(columns, axis=1)
    palette = np.zeros((256, 1, 3), np.uint8)
    palette[: len(colours), 0] = colours
    coloured = cv2.applyColorMap(stretched, palette)
    tinted = cv2.addWeighted(image, 1 - STRENGTH, coloured, STRENGTH, 0)
    # Not 0 where a pixel and its four neighbours are not all of one class.
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    border = cv2.morphologyEx(stretched, cv2.MORPH_GRADIENT, cross)
    cv2.copyTo(coloured, border, tinted)
    bare = np.zeros(256, np.uint8)
    bare[[0, NOT_MAPPED]] = 1
    return np.asarray(cv2.copyTo(image, cv2.LUT(stretched, bare), tinted))


def _draw_scale_bar(picture: Image.Image, mpp: float) -> None:
    """Draw a bar of 1, 2 or 5 × 10ⁿ µm, at most a fifth of the width."""
    if min(picture.size) < SMALLEST:
        return
    microns = bar_length(picture.width * mpp / 5)
    margin = round(min(0.02 * max(picture.size), 0.1 * picture.height))
    left, right = margin, margin + round(microns / mpp)
    bottom = picture.height - margin
    text, font = bar_text(microns), _font(TEXT)
    middle = max((left + right) / 2, font.getlength(text) / 2 + 3)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((left - 1, bottom - 5, right, bottom), fill="black", outline="white")
    draw.text(
        (middle, bottom - 11),
        text,
        fill="black",
        font=font,
        anchor="ms",
        stroke_width=3,
        stroke_fill="white",
    )


def _legend(
    height: int, classes: ClassScheme, areas_mm2: Mapping[str, float], title: str
) -> Image.Image:
    """Return the legend, in as many columns as it takes beside a slide of this height."""
    entries = max(ENTRIES, (height - HEAD) // ENTRY)
    columns = -(-len(classes) // entries)
    size = (columns * COLUMN, HEAD + min(entries, len(classes)) * ENTRY)
    legend = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(legend)
    total = sum(areas_mm2.values())
    _write(draw, (MARGIN, MARGIN), TITLE, title, f"{_rounded(total)} mm² of tissue")
    for index, tissue in enumerate(classes.classes):
        column, row = divmod(index, entries)
        x, y = column * COLUMN + MARGIN, HEAD + row * ENTRY
        # As it looks over white glass; class 0 is not coloured.
        strength = STRENGTH if index else 0.0
        fill = tuple(round(255 + (v - 255) * strength) for v in classes.colours_rgb[index])
        draw.rectangle((x, y + 4, x + SWATCH, y + 4 + SWATCH), fill, tissue.colour)
        area = areas_mm2[tissue.name]
        share = f" ({area / total:.1%})" if total else ""
        _write(draw, (x + 36, y), TEXT, tissue.name, f"{_rounded(area)} mm²{share}")
    return legend


def _write(draw: ImageDraw.ImageDraw, place: tuple[int, int], size: int, *lines: str) -> None:
    """Write lines from the upper left corner ``place`` on; what does not fit its column is cut."""
    x, y = place
    font = _font(size)
    for number, line in enumerate(lines):
        text = _fitted(line, font, COLUMN - x % COLUMN - MARGIN)
        draw.text((x, y + round(number * LINE * size)), text, "black", font)


def _fitted(text: str, font: Font, width: float) -> str:
    """Return ``text`` on one line, cut where it is wider than ``width`` pixels."""
    # A letter and its accent are drawn well as one character only.
    line = " ".join(unicodedata.normalize("NFC", text[:LONGEST]).split())
    if font.getlength(line) <= width:
        return line
    while font.getlength(f"{line}…") > width:
        line = line[:-1]
    return f"{line}…"


@cache
def _font(size: int) -> Font:
    """Return a font with the letters of many languages, or at least the English ones."""
    # Found without importing the library it comes with, which would take half a second.
    path = distribution("matplotlib").locate_file(FONT)
    try:
        # The same on any machine, whatever it has for complex scripts.
        return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
    except OSError:
        return ImageFont.load_default(size)


def _rounded(area: float) -> str:
    """Return three digits that count, never a power of ten."""
    return np.format_float_positional(area, 3, fractional=False, trim="-")
