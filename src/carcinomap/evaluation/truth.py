"""What the annotation says of a window of a slide, and which of its pixels count."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from carcinomap.annotation import IGNORE, Annotations, AnnotationSet, ClassScheme, TissueClass
from carcinomap.cohort import Case
from carcinomap.errors import InputError
from carcinomap.segmentation import NOT_MAPPED
from carcinomap.slide import Slide, TissueMask, find_tissue

RULE = (
    "Counted is every pixel that is tissue, lies inside an annotation, or is mapped as anything "
    "but the first class (the background); only inside the region of interest where there is one, "
    "and never what is to be ignored. What is not annotated, and what is not mapped, is "
    "background. Means are over the classes present in the truth, background included; the "
    "pixels of all slides are taken together."
)
"""Which pixels count, for people."""


@dataclass(frozen=True)
class TruthWindow:
    """The truth of one window.

    Attributes:
        labels: uint8 (height, width); class indices, ``IGNORE`` for what must not count.
        tissue: bool (height, width); tissue, or inside an annotation of any class.
    """

    labels: NDArray[np.uint8]
    tissue: NDArray[np.bool_]

    def counted(self, prediction: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return which pixels count: tissue, annotated, or mapped as no background; not ignored.

        Bare glass that the map leaves alone would otherwise be right by the million.
        """
        mapped = (prediction != 0) & (prediction != NOT_MAPPED)
        return np.asarray((self.tissue | mapped) & (self.labels != IGNORE))


@dataclass(frozen=True)
class Truth:
    """The annotated slide as a label image of any window at any mpp."""

    slide: Slide
    annotations: Annotations
    tissue: TissueMask
    scheme: ClassScheme

    @classmethod
    def of(cls, case: Case, slide: Slide, scheme: ClassScheme) -> Truth:
        """Read a case's annotations and find the tissue of its open slide.

        Raises:
            InputError: The annotations cannot be read, or have labels that the scheme refuses.
        """
        annotations = case.read_annotations(slide)
        annotations.check(scheme)
        return cls(slide, annotations, find_tissue(slide), scheme)

    @cached_property
    def _drawing_scheme(self) -> ClassScheme:
        return _one_up(self.scheme)

    def window(self, x: float, y: float, width: int, height: int, mpp: float) -> TruthWindow:
        """Draw a window.

        Args:
            x: Left edge in level-0 pixels.
            y: Upper edge in level-0 pixels.
            width: Width in pixels of the window.
            height: Height in pixels of the window.
            mpp: Microns per pixel of the window.
        """
        scale = mpp / self.slide.mpp
        if isinstance(self.annotations, AnnotationSet):
            drawn = self.annotations.label_image(x, y, width, height, scale, self._drawing_scheme)
            annotated = drawn != 0
            labels = np.where(annotated & (drawn != IGNORE), drawn - 1, drawn).astype(np.uint8)
        else:
            # Its pixels of class 0 cover the glass too, and do not say that somebody looked there.
            labels = self.annotations.label_image(x, y, width, height, scale, self.scheme)
            annotated = labels != 0
        return TruthWindow(labels, annotated | self.tissue.window(x, y, width, height, mpp))


def _one_up(scheme: ClassScheme) -> ClassScheme:
    """Return the scheme with every class one index higher.

    A region drawn as class 0 counts even where the tissue mask sees glass; drawn so, its pixels
    differ from those where nothing is drawn.
    """
    if len(scheme) >= IGNORE - 1:
        raise InputError(f"{len(scheme)} classes; at most {IGNORE - 2} can be evaluated")
    return replace(scheme, classes=(TissueClass("\N{NULL}", "#ffffff"), *scheme.classes))
