"""One picture of the result: the slide, the map laid over it, what the colours mean."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from carcinomap.annotation import ClassScheme
from carcinomap.segmentation.unfinished.spool import NOT_MAPPED
from carcinomap.slide.scale_bar import bar_length, bar_text

MAX_SIDE = 2000
STRENGTH = 0.4  # of the colour over the slide
LEGEND = 300  # pixels of width
SHORTEST = 360  # pixels of height that the legend needs
DPI = 100


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
    height, width = thumbnail.shape[:2]
    size = (width + LEGEND, max(height, SHORTEST))
    figure = Figure(figsize=(size[0] / DPI, size[1] / DPI), dpi=DPI)
    FigureCanvasAgg(figure)
    picture = figure.add_axes((0, 1 - height / size[1], width / size[0], height / size[1]))
    picture.imshow(overlay(thumbnail, labels, classes.colours_rgb), interpolation="nearest")
    picture.set_axis_off()
    _scale_bar(picture, width, height, mpp)
    legend = figure.add_axes((width / size[0], 0, LEGEND / size[0], 1))
    legend.set_axis_off()
    _legend(legend, classes, areas_mm2, title)
    figure.savefig(path, dpi=DPI, metadata={"Software": None})


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
    height, width = image.shape[:2]
    rows, columns = (
        ((np.arange(count) + 0.5) * size / count).astype(np.int64)
        for count, size in zip((height, width), labels.shape, strict=True)
    )
    stretched = labels[np.ix_(rows, columns)]
    palette = np.zeros((256, 3), np.float32)
    palette[: len(colours)] = colours
    coloured = (stretched != 0) & (stretched != NOT_MAPPED)
    strength = np.where(coloured, np.where(_border(stretched), 1, STRENGTH), 0)[:, :, None]
    mixed = image * (1 - strength) + palette[stretched] * strength
    return np.asarray(np.rint(mixed), np.uint8)


def _border(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which pixels have a neighbour of another class."""
    border = np.zeros(labels.shape, bool)
    across = labels[:, 1:] != labels[:, :-1]
    down = labels[1:] != labels[:-1]
    border[:, 1:] |= across
    border[:, :-1] |= across
    border[1:] |= down
    border[:-1] |= down
    return border


def _scale_bar(axes: Axes, width: int, height: int, mpp: float) -> None:
    """Draw a bar of 1, 2 or 5 × 10ⁿ µm, at most a fifth of the width."""
    microns = bar_length(width * mpp / 5)
    length = microns / mpp
    margin = 0.02 * max(width, height)
    axes.add_patch(
        Rectangle((margin, height - margin - 5), length, 5, facecolor="black", edgecolor="white")
    )
    axes.text(
        margin + length / 2,
        height - margin - 9,
        bar_text(microns),
        ha="center",
        va="bottom",
        fontsize=10,
        bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1.5},
    )


def _legend(axes: Axes, classes: ClassScheme, areas_mm2: Mapping[str, float], title: str) -> None:
    total = sum(areas_mm2.values())
    patches = [
        Patch(
            # As it looks over white glass; class 0 is not coloured.
            facecolor=(tissue.colour, STRENGTH if index else 0.0),
            edgecolor=tissue.colour,
            label=f"{_shortened(tissue.name)}\n{areas_mm2[tissue.name]:.3g} mm²"
            + (f"  ({areas_mm2[tissue.name] / total:.1%})" if total else ""),
        )
        for index, tissue in enumerate(classes.classes)
    ]
    axes.legend(
        handles=patches,
        title=f"{_shortened(title)}\n{total:.3g} mm² of tissue",
        loc="upper left",
        frameon=False,
        fontsize=11,
        title_fontsize=12,
        alignment="left",
        labelspacing=0.9,
        handlelength=1.6,
        handleheight=1.6,
    )


def _shortened(text: str, length: int = 28) -> str:
    """Return ``text`` cut to fit, with nothing that could be taken for a formula."""
    cut = text if len(text) <= length else text[: length - 1] + "…"
    return cut.replace("$", r"\$")
