"""Draw a contact sheet: a row for each patch, its label outlined in every panel."""

import math
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from carcinomap.annotation import IGNORE, ClassScheme

DPI = 100
SIDES = (192, 384)  # least and most pixels of a panel
GAP = 8  # between panels
SECTION = 32  # before the strongest variations
MARGIN = 24
NARROWEST = 900  # sheet that holds a title
TITLE_LINE, CLASS_LINE, CAPTION_LINE = 54, 30, 38  # heights
CLASS_WIDTH = 280  # of an entry of the legend
TITLE, TEXT = 18, 13  # sizes of type
SWATCH = 16  # side of the square in a class's colour
LINE = 3  # width of an outline
FADED = 0.65  # of white over what is ignored
LONGEST_SLIDE, LONGEST_CLASS = 60, 22  # characters of a name
SMALLEST = 0.005  # share of a class in a patch that is worth saying
GREY = "#555555"


@dataclass(frozen=True)
class Panel:
    """A patch as it looks.

    Attributes:
        image: uint8 (side, side, 3).
        label: Class indices, uint8 (side, side).
    """

    image: NDArray[np.uint8]
    label: NDArray[np.uint8]


@dataclass(frozen=True)
class Row:
    """One patch.

    Attributes:
        name: Its slide.
        drawn: As it is read, and varied.
        strongest: Varied as strongly as can be, by what was done.
    """

    name: str
    drawn: tuple[Panel, ...]
    strongest: Mapping[str, Panel]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All of them from left to right."""
        return (*self.drawn, *self.strongest.values())


def draw_sheet(title: str, rows: Sequence[Row], scheme: ClassScheme) -> Image.Image:
    """Return the sheet.

    Args:
        title: What is shown.
        rows: The patches, at least one; all with the same columns.
        scheme: Names and colours of the classes.
    """
    first = rows[0]
    side = _side(len(first.drawn[0].label))
    lefts = [
        MARGIN + i * (side + GAP) + (SECTION if i >= len(first.drawn) else 0)
        for i in range(len(first.panels))
    ]
    width = max(NARROWEST, lefts[-1] + side + MARGIN)
    entries = (width - 2 * MARGIN) // CLASS_WIDTH  # of the legend, in a line
    head = TITLE_LINE + CLASS_LINE * math.ceil((len(scheme) + 1) / entries) + CAPTION_LINE
    tops = [head + CAPTION_LINE + i * (side + CAPTION_LINE + GAP) for i in range(len(rows))]
    sheet = _Sheet(width, tops[-1] + side + MARGIN)
    sheet.write(MARGIN, 40, title, TITLE, bold=True)
    _write_legend(sheet, entries, scheme)
    varied = ["varied as in training", *[""] * len(first.drawn)][: len(first.drawn) - 1]
    for left, caption in zip(lefts, ["as read", *varied, *first.strongest], strict=True):
        sheet.write(left, head - 4, caption, TEXT, GREY)
    for row, top in zip(rows, tops, strict=True):
        _write_caption(sheet, top - 10, row, scheme)
        for left, panel in zip(lefts, row.panels, strict=True):
            sheet.paste(left, top, outlined(_resized(panel, side), scheme))
    return sheet.drawn()


def outlined(panel: Panel, scheme: ClassScheme) -> NDArray[np.uint8]:
    """Return the image with its classes but 0 outlined inside, and faded where it is ignored."""
    image = panel.image.copy()
    ignored = panel.label == IGNORE
    faded = cv2.addWeighted(image, 1 - FADED, np.full_like(image, 255), FADED, 0)
    image[ignored] = faded[ignored]
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * LINE + 1, 2 * LINE + 1))
    for index in range(1, len(scheme)):
        # The border of the patch, and of what is ignored, is none of the region.
        inside = ((panel.label == index) | ignored).astype(np.uint8)
        border = (inside > cv2.erode(inside, disc)) & ~ignored
        image[border] = scheme.colours_rgb[index]
    return image


def _side(patch: int) -> int:
    """Return the side of a panel: small patches are magnified, large ones shrunk."""
    least, most = SIDES
    return min(most, patch * math.ceil(least / patch))


def _resized(panel: Panel, side: int) -> Panel:
    smooth = cv2.INTER_AREA if len(panel.label) > side else cv2.INTER_NEAREST
    return Panel(
        np.asarray(cv2.resize(panel.image, (side, side), interpolation=smooth)),
        np.asarray(cv2.resize(panel.label, (side, side), interpolation=cv2.INTER_NEAREST_EXACT)),
    )


def _write_legend(sheet: "_Sheet", entries: int, scheme: ClassScheme) -> None:
    names = [_short(name, LONGEST_CLASS) for name in scheme.names]
    meanings = [(one.colour, name) for one, name in zip(scheme.classes, names, strict=True)]
    meanings[0] = (meanings[0][0], f"{names[0]}, not outlined")
    for number, (colour, meaning) in enumerate([*meanings, ("white", "faded: does not teach")]):
        line, place = divmod(number, entries)
        x, y = MARGIN + place * CLASS_WIDTH, TITLE_LINE + line * CLASS_LINE + 22
        sheet.swatch(x, y, colour)
        sheet.write(x + 24, y, meaning, TEXT)


def _write_caption(sheet: "_Sheet", y: int, row: Row, scheme: ClassScheme) -> None:
    """Write a row's slide, and how much of each class its patch holds."""
    x = sheet.write(MARGIN, y, _short(row.name, LONGEST_SLIDE), TEXT, bold=True) + 20
    for index, tissue in enumerate(scheme.classes):
        share = float((row.drawn[0].label == index).mean())
        if share >= SMALLEST:
            sheet.swatch(x, y, tissue.colour)
            words = f"{_short(tissue.name, LONGEST_CLASS)} {share:.0%}"
            x = sheet.write(x + 24, y, words, TEXT) + 18


def _short(name: str, longest: int) -> str:
    """Return a name on one line."""
    line = " ".join(name.split())
    return line if len(line) <= longest else f"{line[:longest]}…"


class _Sheet:
    """White paper, measured in pixels from its upper left corner."""

    def __init__(self, width: int, height: int) -> None:
        self._figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
        self._canvas: Any = FigureCanvasAgg(self._figure)
        self._pasted: list[tuple[int, int, NDArray[np.uint8]]] = []
        self._width, self._height = width, height

    def write(
        self, x: float, y: float, text: str, size: int, colour: str = "black", bold: bool = False
    ) -> float:
        """Write a line of text on the base line ``y``; return where it ends."""
        written = self._figure.text(
            x / self._width,
            1 - y / self._height,
            text,
            color=colour,
            fontsize=size,
            va="baseline",
            parse_math=False,
            weight="bold" if bold else "normal",
        )
        with _any_letter():
            return float(written.get_window_extent(self._canvas.get_renderer()).x1)

    def swatch(self, x: float, y: float, colour: str) -> None:
        """Draw a square that stands on the base line ``y``."""
        self._figure.add_artist(
            Rectangle(
                (x / self._width, 1 - y / self._height),
                SWATCH / self._width,
                SWATCH / self._height,
                facecolor=colour,
                edgecolor=GREY,
                linewidth=0.5,
            )
        )

    def paste(self, x: int, y: int, image: NDArray[np.uint8]) -> None:
        """Lay an image on the sheet, pixel by pixel."""
        self._pasted.append((x, y, image))

    def drawn(self) -> Image.Image:
        """Return all of it."""
        with _any_letter():
            self._canvas.draw()
        sheet = Image.fromarray(np.asarray(self._canvas.buffer_rgba())).convert("RGB")
        for x, y, image in self._pasted:
            sheet.paste(Image.fromarray(image), (x, y))
        return sheet


def _any_letter() -> AbstractContextManager[object]:
    """Return a context in which a letter that the font lacks is a box, and no warning."""
    return warnings.catch_warnings(action="ignore", category=UserWarning)
