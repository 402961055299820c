"""A slide's overview with its tissue outlined and its artefacts tinted."""

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from carcinomap.slide.scale_bar import bar_length, bar_text
from carcinomap.slide.slide import Slide
from carcinomap.slide.tissue.mask import TissueMask
from carcinomap.slide.tissue.quality import Artefact, QualityMap

DPI = 100
LEGEND = 260  # pixels of width
SHORTEST = 260  # pixels of height that the legend needs
STRENGTH = 0.55  # of a tint over the slide
Colour = tuple[int, int, int]
OUTLINE: Colour = (0, 0, 0)
# Of the palette of Okabe and Ito (2008), which every kind of colour vision tells apart, those
# that are not near the pink and purple of the stains.
TINTS: dict[Artefact, Colour] = {
    Artefact.BLURRED: (240, 228, 66),
    Artefact.PEN: (0, 158, 115),
    Artefact.FOLD: (0, 114, 178),
}
NAMES = {Artefact.BLURRED: "out of focus", Artefact.PEN: "pen", Artefact.FOLD: "fold"}


def tissue_picture(
    slide: Slide, tissue: TissueMask, quality: QualityMap | None = None, max_side: int = 1600
) -> NDArray[np.uint8]:
    """Draw what was found on a slide. Its label and macro images are never looked at.

    Args:
        slide: The slide.
        tissue: Its tissue, to be outlined.
        quality: Its artefacts, to be tinted, if they were looked for.
        max_side: Longer side of the overview in pixels; the legend comes beside it.

    Returns:
        uint8 (rows, columns, 3) RGB.

    Raises:
        InputError: The file's pixels cannot be decoded.
    """
    image, mpp = slide.thumbnail(max_side)
    height, width = image.shape[:2]
    if quality is not None:
        _tint(image, quality.window(0, 0, width, height, mpp))
    inside = tissue.window(0, 0, width, height, mpp).astype(np.uint8)
    outlines, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(image, outlines, -1, OUTLINE, 2)

    size = (width + LEGEND, max(height, SHORTEST))
    figure = Figure(figsize=(size[0] / DPI, size[1] / DPI), dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    picture = figure.add_axes((0, 1 - height / size[1], width / size[0], height / size[1]))
    picture.imshow(image, interpolation="nearest")
    picture.set_axis_off()
    beside = figure.add_axes((width / size[0], 0, LEGEND / size[0], 1))
    beside.set_axis_off()
    _legend(beside, slide, tissue, quality)
    _scale_bar(beside, width, mpp)
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[:, :, :3])  # type: ignore[no-untyped-call]


def _tint(image: NDArray[np.uint8], flags: NDArray[np.uint8]) -> None:
    """Colour what is flagged; from grey, lest pen and stain change the colour that tells."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[:, :, None]
    for kind, colour in TINTS.items():
        where = flags & kind > 0
        tinted = grey[where] * (1 - STRENGTH) + np.array(colour) * STRENGTH
        image[where] = np.rint(tinted).astype(np.uint8)


def _legend(axes: Axes, slide: Slide, tissue: TissueMask, quality: QualityMap | None) -> None:
    share = min(1.0, tissue.area_mm2 / slide.area_mm2)  # cells of the mask reach beyond
    handles = [Patch(facecolor="none", edgecolor=_of_1(OUTLINE), linewidth=2)]
    labels = [f"tissue: {tissue.area_mm2:.3g} mm²\n{share:.1%} of the slide"]
    for kind, part in quality.shares(tissue).items() if quality is not None else ():
        handles.append(Patch(facecolor=_of_1(TINTS[kind])))
        labels.append(f"{NAMES[kind]}\n{part:.1%} of the tissue")
    name = slide.name if len(slide.name) <= 24 else slide.name[:23] + "…"
    axes.legend(
        handles,
        labels,
        title=name.replace("$", r"\$"),
        loc="upper left",
        frameon=False,
        fontsize=10,
        title_fontsize=12,
        alignment="left",
        labelspacing=0.9,
        handlelength=1.6,
        handleheight=1.6,
    )


def _of_1(colour: Colour) -> tuple[float, float, float]:
    """Return a colour of 0 to 255 as the drawing library takes it."""
    red, green, blue = colour
    return red / 255, green / 255, blue / 255


def _scale_bar(axes: Axes, width: int, mpp: float) -> None:
    """Draw a bar of 1, 2 or 5 × 10ⁿ µm in the legend, at most a fifth of the slide long."""
    microns = bar_length(min(width / 5, LEGEND * 0.8) * mpp)
    left, length = 0.06, microns / mpp / LEGEND
    axes.add_patch(Rectangle((left, 0.03), length, 0.008, facecolor="black"))
    axes.text(left, 0.045, bar_text(microns), ha="left", va="bottom", fontsize=10)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
