"""A place on a slide as a picture: outlined by truth and map, with a locator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from carcinomap.evaluation.disagreements import Disagreement
from carcinomap.evaluation.pictures import Bar, jpeg, scale_bar
from carcinomap.evaluation.prediction import Prediction
from carcinomap.evaluation.truth import Truth
from carcinomap.slide import Slide

WIDTH, HEIGHT = 720, 540
"""Size of a crop in pixels, where the slide is large enough."""
AROUND = 1.5
"""A crop is so many times as large as what it shows."""
LEAST_UM = 400.0
"""Width of the smallest crop: where a few cells are wrong, their surroundings tell why."""
LOCATOR_SIDE = 150
MARGIN = 2
"""Pixels around a crop in which outlines close, so that none runs along its rim."""
LEAST_OUTLINE = 16.0
"""Outlines around fewer pixels are left out."""
SMOOTHED = 0.8
"""Pixels by which an outline may be moved to be told in fewer points."""
STRIP = 64
"""Rows of a crop for which the map is read at once."""


@dataclass(frozen=True)
class Rectangle:
    """A rectangle; in pixels of the picture that it is on."""

    x: float
    y: float
    width: float
    height: float

    def seen_from(self, x: float, y: float, scale: float) -> Rectangle:
        """Return it in pixels ``scale`` times as large that begin at (x, y)."""
        numbers = (self.x - x, self.y - y, self.width, self.height)
        return Rectangle(*(round(number / scale, 1) for number in numbers))


@dataclass(frozen=True)
class Outline:
    """The outlines of one class in a crop: its index, and a path as SVG writes it."""

    label: int
    path: str


@dataclass(frozen=True)
class Picture:
    """A picture as a ``data:`` address, its size in pixels, and what is framed in it."""

    address: str
    width: int
    height: int
    framed: Rectangle


@dataclass(frozen=True)
class Crop:
    """A place on a slide.

    Attributes:
        picture: The slide there; framed is what it is about.
        truth: Outlines of what is annotated, in pixels of the picture.
        mapped: Outlines of what is mapped.
        bar: The scale bar.
        locator: The whole slide, small; framed is the picture.
        centre_mm: What it is about, from the upper left corner of the slide to its middle.
    """

    picture: Picture
    truth: tuple[Outline, ...]
    mapped: tuple[Outline, ...]
    bar: Bar
    locator: Picture
    centre_mm: tuple[float, float]


@dataclass(frozen=True)
class Scene:
    """A slide that is open, with what is true of it and what is mapped."""

    slide: Slide
    truth: Truth
    prediction: Prediction

    def crop(self, region: Disagreement) -> Crop:
        """Look at a region in its surroundings."""
        slide, place = self.slide, self._place(region)
        about = Rectangle(region.x, region.y, region.width, region.height)
        scale = max(place.width / WIDTH, place.height / HEIGHT)
        mpp = scale * slide.mpp
        width, height = max(1, round(place.width / scale)), max(1, round(place.height / scale))
        window = (
            place.x - MARGIN * scale,
            place.y - MARGIN * scale,
            width + 2 * MARGIN,
            height + 2 * MARGIN,
            mpp,
        )
        image = slide.read(place.x, place.y, width, height, mpp)
        return Crop(
            Picture(jpeg(image), width, height, about.seen_from(place.x, place.y, scale)),
            tuple(self._outlines(self.truth.window(*window).labels)),
            tuple(self._outlines(self._mapped(*window))),
            scale_bar(width, mpp),
            self._locator(place),
            (
                (region.x + region.width / 2) * slide.mpp / 1000,
                (region.y + region.height / 2) * slide.mpp / 1000,
            ),
        )

    @cached_property
    def _thumbnail(self) -> tuple[NDArray[np.uint8], float]:
        return self.slide.thumbnail(LOCATOR_SIDE)

    def _locator(self, place: Rectangle) -> Picture:
        image, mpp = self._thumbnail
        height, width = image.shape[:2]
        return Picture(jpeg(image), width, height, place.seen_from(0, 0, mpp / self.slide.mpp))

    def _place(self, region: Disagreement) -> Rectangle:
        """Return what to show of the slide around a region, in level-0 pixels."""
        slide = self.slide
        wide = max(region.width, region.height * WIDTH / HEIGHT) * AROUND
        wide = max(wide, LEAST_UM / slide.mpp)
        width, height = min(wide, slide.width), min(wide * HEIGHT / WIDTH, slide.height)
        x = region.x + (region.width - width) / 2
        y = region.y + (region.height - height) / 2
        return Rectangle(
            min(max(x, 0.0), slide.width - width),
            min(max(y, 0.0), slide.height - height),
            width,
            height,
        )

    def _mapped(self, x: float, y: float, width: int, height: int, mpp: float) -> NDArray[np.uint8]:
        """Return the mapped class under the centre of every pixel of a window.

        The map is read a strip at a time: a crop of half a slide would be all of its map at once.
        """
        mapped = self.prediction
        step, to_map = mpp / mapped.mpp, self.slide.mpp / mapped.mpp
        across, down = (
            (start * to_map + (np.arange(count) + 0.5) * step).astype(int).clip(0, most - 1)
            for start, count, most in ((x, width, mapped.width), (y, height, mapped.height))
        )
        labels = np.empty((height, width), np.uint8)
        for start in range(0, height, STRIP):
            rows = down[start : start + STRIP]
            corner = int(across[0]), int(rows[0])
            size = int(across[-1]) - corner[0] + 1, int(rows[-1]) - corner[1] + 1
            strip = mapped.window(*corner, *size)
            labels[start : start + STRIP] = strip[np.ix_(rows - corner[1], across - corner[0])]
        return labels

    def _outlines(self, labels: NDArray[np.uint8]) -> Iterator[Outline]:
        """Yield the outlines of every class but the background, in pixels without the margin."""
        for label in range(1, len(self.truth.scheme)):
            mask = (labels == label).astype(np.uint8)
            found, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
            lines = [
                cv2.approxPolyDP(contour, SMOOTHED, closed=True)[:, 0] - MARGIN
                for contour in found
                if cv2.contourArea(contour) >= LEAST_OUTLINE
            ]
            if lines:
                yield Outline(label, "".join(map(_path, lines)))


def _path(line: NDArray[np.int32]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in line.tolist()) + "Z"
