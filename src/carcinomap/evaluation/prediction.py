"""What is compared with the truth: a class map, or what a second reader outlined."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from carcinomap.annotation import IGNORE, Annotations, ClassScheme
from carcinomap.cohort import Case
from carcinomap.segmentation import ClassMap
from carcinomap.slide import Slide


class Prediction(Protocol):
    """Class indices of a whole slide, window by window; a context manager.

    Attributes:
        path: The file.
        width: In pixels.
        height: In pixels.
        mpp: Microns per pixel.
        classes: What the indices mean.
        note: What was not simply read of the file; empty if all of it was.
    """

    path: Path
    width: int
    height: int
    mpp: float
    classes: ClassScheme
    note: str

    def window(self, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        """Return a window, in pixels.

        Returns:
            uint8 (height, width): class indices, ``NOT_MAPPED`` where nothing is mapped.

        Raises:
            InputError: The file is damaged there.
        """

    def excluded(self, x: int, y: int, width: int, height: int) -> NDArray[np.bool_] | None:
        """Return which pixels of a window must not count: bool (height, width); None for none."""

    def overview(self, max_side: int) -> NDArray[np.uint8]:
        """Return all of it as ``window`` does, its longer side at most ``max_side`` pixels."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


class MappedPrediction(ClassMap):
    """A class map, all of which counts."""

    note = ""

    def excluded(self, x: int, y: int, width: int, height: int) -> None:
        """Return None: a map says something of every pixel."""


class AnnotatedPrediction:
    """What a second reader outlined on a slide, drawn at any mpp.

    What she did not outline is class 0. What she ignored, or left outside her regions of
    interest, she says nothing of, and it does not count.
    """

    def __init__(
        self, path: Path, annotations: Annotations, slide: Slide, classes: ClassScheme, mpp: float
    ) -> None:
        self.path = path
        self.width, self.height = slide.size_at(mpp)
        self.mpp = mpp
        self.classes = classes
        self.note = annotations.summary()
        self._annotations = annotations
        self._to_slide = mpp / slide.mpp
        # One window is asked for its classes and for what is excluded.
        self._drawn = lru_cache(1)(self._draw)

    @classmethod
    def open(cls, path: Path, case: Case, classes: ClassScheme, mpp: float) -> Self:
        """Read a second annotation of a case's slide.

        Args:
            path: The annotation.
            case: The slide, and how its annotations are to be read.
            classes: What the labels mean.
            mpp: Microns per pixel.

        Raises:
            InputError: Slide or annotation cannot be read, or a label is unknown.
        """
        with case.open_slide() as slide:
            annotations = replace(case, annotation=path).read_annotations(slide)
            annotations.check(classes)
            return cls(path, annotations, slide, classes, mpp)

    def window(self, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        """Return a window: uint8 (height, width), class indices, 0 where nothing is outlined."""
        return _class_indices(self._drawn(x, y, width, height))

    def excluded(self, x: int, y: int, width: int, height: int) -> NDArray[np.bool_]:
        """Return which pixels are ignored or outside the regions of interest."""
        return np.asarray(self._drawn(x, y, width, height) == IGNORE)

    def overview(self, max_side: int) -> NDArray[np.uint8]:
        """Return all of it as ``window`` does, its longer side at most ``max_side`` pixels."""
        shrink = max(1.0, max(self.width, self.height) / max_side)
        width, height = (max(1, int(side / shrink)) for side in (self.width, self.height))
        return _class_indices(self._draw(0, 0, width, height, shrink))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass  # files of annotations are open only while they are read

    def _draw(
        self, x: int, y: int, width: int, height: int, shrink: float = 1.0
    ) -> NDArray[np.uint8]:
        corner = x * self._to_slide, y * self._to_slide
        return self._annotations.label_image(
            *corner, width, height, self._to_slide * shrink, self.classes
        )


def map_name(case: Case) -> str:
    """Return the file name of the class map of a case's slide."""
    return f"{case.name}.ome.tif"


def open_prediction(path: Path, case: Case, classes: ClassScheme, mpp: float) -> Prediction:
    """Open a class map, known by its name, or else a second reader's annotation.

    Args:
        path: The file.
        case: Its slide.
        classes: What the labels of an annotation mean; a map brings its own.
        mpp: Microns per pixel at which an annotation is drawn; a map has its own.

    Raises:
        InputError: The file cannot be read, or an annotation has an unknown label.
    """
    if path.name == map_name(case):
        return MappedPrediction.open(path)
    return AnnotatedPrediction.open(path, case, classes, mpp)


def _class_indices(drawn: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a drawn window with class 0 where it is ``IGNORE``."""
    return np.where(drawn == IGNORE, np.uint8(0), drawn)
