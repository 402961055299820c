"""Small pictures of a slide for the report: slide, truth, map, and where the two differ.

All are made from coarse reads of the whole slide, on one grid, so that they can be laid side by
side whatever the size of the slide.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from carcinomap.annotation import IGNORE, ClassScheme
from carcinomap.evaluation.prediction import open_prediction
from carcinomap.evaluation.scores import CaseScores
from carcinomap.evaluation.truth import Truth
from carcinomap.segmentation import NOT_MAPPED
from carcinomap.slide.scale_bar import bar_length, bar_text

MAX_SIDE = 900
"""Longer side of a picture in pixels."""
BAR_SHARE = 0.3
"""Share of a picture's width that its scale bar takes at most."""

Colour = tuple[int, int, int]
GLASS: Colour = (255, 255, 255)
IGNORED: Colour = (85, 85, 85)
# Light and dark grey and the three colours of Paul Tol's high-contrast scheme, which differ for
# every kind of colour vision and in print.
DIFFERENCES: dict[str, Colour] = {
    "not counted": GLASS,
    "right: background": (224, 224, 224),
    "right: another class": (150, 150, 150),
    "missed: mapped as background": (0, 68, 136),
    "too much: background in truth": (221, 170, 51),
    "one class for another": (187, 85, 102),
}


@dataclass(frozen=True)
class Bar:
    """A scale bar: its length as people write it, and its share of a picture's width."""

    text: str
    share: float


@dataclass(frozen=True)
class SlidePictures:
    """The pictures of one slide as ``data:`` addresses.

    Attributes:
        slide: The slide itself, JPEG.
        truth: What is annotated, in class colours; white where neither tissue nor annotation.
        prediction: The map, in class colours; white where nothing is counted.
        difference: Where they differ, in the colours of ``DIFFERENCES``.
        width: Width in pixels, of all four.
        height: Height in pixels.
        bar: The scale bar of all four.
    """

    slide: str
    truth: str
    prediction: str
    difference: str
    width: int
    height: int
    bar: Bar


def slide_pictures(scores: CaseScores, max_side: int = MAX_SIDE) -> SlidePictures:
    """Make the pictures of a slide that was scored.

    Raises:
        InputError: Slide, annotation or map cannot be read any more.
    """
    with scores.case.open_slide() as slide:
        image, mpp = slide.thumbnail(max_side)
        height, width = image.shape[:2]
        truth = Truth.of(scores.case, slide, scores.scheme).window(0, 0, width, height, mpp)
    with open_prediction(scores.prediction, scores.case, scores.scheme, scores.mpp) as mapped:
        prediction = _stretched(mapped.overview(max_side), height, width)
    prediction[prediction == NOT_MAPPED] = 0
    counted = truth.counted(prediction)
    colours = class_colours(scores.scheme)
    return SlidePictures(
        slide=jpeg(image),
        truth=_png(_painted(truth.labels, truth.tissue, colours)),
        prediction=_png(_painted(prediction, counted, colours)),
        difference=_png(_differences(truth.labels, prediction, counted)),
        width=width,
        height=height,
        bar=scale_bar(width, mpp),
    )


def scale_bar(width: int, mpp: float) -> Bar:
    """Return the scale bar of a picture of so many pixels of so many µm."""
    length = bar_length(width * mpp * BAR_SHARE)
    return Bar(bar_text(length), length / (width * mpp))


def jpeg(image: NDArray[np.uint8]) -> str:
    """Return a picture of a slide (height, width, 3) as a ``data:`` address."""
    return _data_address("image/jpeg", imagecodecs.jpeg8_encode(image, level=85))


def class_colours(scheme: ClassScheme) -> dict[str, Colour]:
    """Return the colour of every class by its name, as three numbers 0–255."""
    return dict(zip(scheme.names, scheme.colours_rgb, strict=True))


def _painted(
    labels: NDArray[np.uint8], shown: NDArray[np.bool_], colours: dict[str, Colour]
) -> NDArray[np.uint8]:
    """Return labels in colour (height, width, 3); glass where they are not to be shown."""
    palette = np.full((256, 3), GLASS, np.uint8)
    palette[: len(colours)] = list(colours.values())
    palette[IGNORE] = IGNORED
    picture = np.asarray(palette[labels])
    picture[~shown] = GLASS
    return picture


def _differences(
    truth: NDArray[np.uint8], prediction: NDArray[np.uint8], counted: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Return in colour (height, width, 3) where truth and prediction differ, and how."""
    right = truth == prediction
    kind = np.select(
        [~counted, right & (truth == 0), right, prediction == 0, truth == 0], range(5), 5
    )
    return np.asarray(np.array(list(DIFFERENCES.values()), np.uint8)[kind])


def _stretched(labels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Return labels at another size, each pixel that of the nearest centre."""
    rows = ((np.arange(height) + 0.5) * labels.shape[0] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * labels.shape[1] / width).astype(int)
    return np.asarray(labels[np.ix_(rows, columns)])


def _png(picture: NDArray[np.uint8]) -> str:
    return _data_address("image/png", imagecodecs.png_encode(picture, level=9))


def _data_address(kind: str, content: bytes | bytearray) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
