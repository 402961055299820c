"""A case is a slide with its annotation, patient and split; a cohort is the cases."""

from dataclasses import dataclass
from pathlib import Path

from carcinomap.annotation import (
    Annotations,
    AnnotationSet,
    ClassScheme,
    FileContext,
    SlideFrame,
    read_annotations,
)
from carcinomap.cohort.frame import frame_of
from carcinomap.slide import MissingMppError, Slide, open_slide
from carcinomap.storage import AnyPath, reading_copy

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Case:
    """One slide of a cohort.

    Attributes:
        slide: The slide's file, or its address.
        annotation: The annotation's file or address, or None where nobody outlined anything.
        patient: Cases of one patient never part.
        split: ``"train"``, ``"val"``, ``"test"``, or ``""`` where it is still to be decided.
        mpp: Microns per level-0 pixel where the cohort says so; None takes the file's own.
        even_odd_holes: Whether regions inside others of their layer are holes, in formats that
            do not say which are.
    """

    slide: AnyPath
    annotation: AnyPath | None = None
    patient: str = ""
    split: str = ""
    mpp: float | None = None
    even_odd_holes: bool = False

    @property
    def name(self) -> str:
        """The slide's name; maps and scores carry it."""
        return self.slide.stem

    @property
    def files(self) -> tuple[Path, ...]:
        """Those of its files that are on a disk."""
        return tuple(one for one in (self.slide, self.annotation) if isinstance(one, Path))

    def open_slide(self) -> Slide:
        """Open the slide; the caller closes it."""
        return open_slide(self.slide, self.mpp)

    def read_annotations(self, slide: Slide | None = None) -> Annotations:
        """Read the annotation; an empty set where there is none.

        Args:
            slide: The case's slide, where it is open anyway.

        Raises:
            InputError: The annotation cannot be read, or the slide cannot be opened.
        """
        if self.annotation is None:
            return AnnotationSet.empty()
        frame = self.frame() if slide is None else frame_of(slide)
        return self.read_annotation_file(self.annotation, frame)

    def read_annotation_file(self, file: AnyPath, frame: SlideFrame) -> Annotations:
        """Read a file that annotates the slide, wherever it is.

        Args:
            file: The file, or its address.
            frame: What annotations need to know of the slide.

        Raises:
            InputError: It cannot be read.
        """
        with reading_copy(file, "annotation file") as copy:
            return read_annotations(copy, FileContext(frame, self.even_odd_holes))

    def frame(self) -> SlideFrame:
        """Open the slide for what annotations need to know of it, its mpp only if it has one.

        Raises:
            InputError: The slide cannot be opened.
        """
        try:
            with self.open_slide() as slide:
                return frame_of(slide)
        except MissingMppError:
            with open_slide(self.slide, 1.0) as slide:
                return frame_of(slide, mpp_known=False)


@dataclass(frozen=True)
class Cohort:
    """The cases, ordered by name.

    Attributes:
        source: The folder or table they come from.
        cases: The cases.
        notes: What a user should know about how they were put together.
        scheme: The classes, where the cohort brings its own.
    """

    source: AnyPath
    cases: tuple[Case, ...]
    notes: tuple[str, ...] = ()
    scheme: ClassScheme | None = None

    def patients(self) -> tuple[str, ...]:
        """Every patient once, in order."""
        return tuple(sorted({case.patient for case in self.cases}))
