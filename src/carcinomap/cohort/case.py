"""A case is a slide with its annotation, patient and split; a cohort is the cases."""

from dataclasses import dataclass
from pathlib import Path

from carcinomap.annotation import AnnotationSet, read_annotations
from carcinomap.slide import Slide, open_slide

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Case:
    """One slide of a cohort.

    Attributes:
        slide: The slide's file.
        annotation: The annotation's file, or None where nobody outlined anything.
        patient: Cases of one patient never part.
        split: ``"train"``, ``"val"``, ``"test"``, or ``""`` where it is still to be decided.
        mpp: Microns per level-0 pixel where the cohort says so; None takes the file's own.
    """

    slide: Path
    annotation: Path | None = None
    patient: str = ""
    split: str = ""
    mpp: float | None = None

    @property
    def name(self) -> str:
        """The slide's name; maps and scores carry it."""
        return self.slide.stem

    def open_slide(self) -> Slide:
        """Open the slide; the caller closes it."""
        return open_slide(self.slide, self.mpp)

    def read_annotations(self) -> AnnotationSet:
        """Read the annotation; an empty set where there is none."""
        return (
            AnnotationSet.empty() if self.annotation is None else read_annotations(self.annotation)
        )


@dataclass(frozen=True)
class Cohort:
    """The cases, ordered by name.

    Attributes:
        source: The folder or table they come from.
        cases: The cases.
        notes: What a user should know about how they were put together.
    """

    source: Path
    cases: tuple[Case, ...]
    notes: tuple[str, ...] = ()

    def patients(self) -> tuple[str, ...]:
        """Every patient once, in order."""
        return tuple(sorted({case.patient for case in self.cases}))
