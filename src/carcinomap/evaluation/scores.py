"""The scores of one slide and of a cohort, as values and as the content of ``scores.json``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add
from pathlib import Path
from typing import Any

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Case
from carcinomap.evaluation.confusion import Confusion, has_bach_classes
from carcinomap.evaluation.truth import RULE


@dataclass(frozen=True)
class CaseScores:
    """The counts of one slide, and with what they were made.

    Attributes:
        case: The slide, its annotation and patient.
        prediction: The class map.
        scheme: The classes.
        mpp: Microns per counted pixel.
        confusion: The counts.
        note: What was not simply read of the annotation; empty if all of it was.
    """

    case: Case
    prediction: Path
    scheme: ClassScheme
    mpp: float
    confusion: Confusion
    note: str = ""

    @property
    def bach(self) -> float | None:
        """BACH score; None with other classes, or where all is normal in truth and map."""
        return _bach(self.confusion, self.scheme)

    def to_dict(self) -> dict[str, Any]:
        """Return this slide's entry of ``scores.json``."""
        return {
            "slide": self.case.name,
            "patient": self.case.patient,
            **_figures(self.confusion, self.scheme),
        }


@dataclass(frozen=True)
class Scores:
    """The scores of a cohort: every slide that could be scored, however badly it did.

    Attributes:
        scheme: The classes.
        mpp: Microns per counted pixel, the same in all maps.
        cases: The slides that were scored, at least one.
        unmapped: Names of the slides that have no map.
        unannotated: Names of the slides that have no annotation.
        failures: What went wrong with each slide that could not be scored, by its name.
    """

    scheme: ClassScheme
    mpp: float
    cases: tuple[CaseScores, ...]
    unmapped: tuple[str, ...]
    unannotated: tuple[str, ...]
    failures: dict[str, str]

    @cached_property
    def confusion(self) -> Confusion:
        """The counts of all slides together."""
        return reduce(add, (case.confusion for case in self.cases))

    @property
    def bach(self) -> float | None:
        """BACH score of all slides together; None as in ``CaseScores.bach``."""
        return _bach(self.confusion, self.scheme)

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``scores.json``; what is undefined is None."""
        return {
            **_figures(self.confusion, self.scheme),
            "slides": [case.to_dict() for case in self.cases],
            "mpp": self.mpp,
            "rule": RULE,
        }


def _bach(confusion: Confusion, scheme: ClassScheme) -> float | None:
    return confusion.bach if has_bach_classes(scheme) else None


def _figures(confusion: Confusion, scheme: ClassScheme) -> dict[str, Any]:
    columns = (
        scheme.names,
        confusion.iou,
        confusion.dice,
        confusion.precision,
        confusion.recall,
        confusion.truth_pixels,
    )
    keys = ("iou", "dice", "precision", "recall", "pixels")
    return {
        "mean_iou": confusion.mean_iou,
        "mean_dice": confusion.mean_dice,
        "pixel_accuracy": confusion.pixel_accuracy,
        "bach": _bach(confusion, scheme),
        "classes": {
            name: dict(zip(keys, values, strict=True))
            for name, *values in zip(*columns, strict=True)
        },
        "confusion": confusion.matrix.tolist(),
    }
