"""The scores of one slide and of a cohort, as values and as the content of ``scores.json``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import add
from pathlib import Path
from typing import Any

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Case
from carcinomap.evaluation.confusion import Confusion, has_bach_classes
from carcinomap.evaluation.counts import Counts
from carcinomap.evaluation.disagreements import Disagreement
from carcinomap.evaluation.known_model import KnownModel
from carcinomap.evaluation.settings import EvaluationSettings
from carcinomap.evaluation.truth import RULE

Figures = dict[str, float | None]
"""Scores by name; None where one is undefined."""


@dataclass(frozen=True)
class CaseScores:
    """The counts of one slide, and with what they were made.

    Attributes:
        case: The slide, its annotation and patient.
        prediction: The class map, or a second reader's annotation.
        scheme: The classes.
        mpp: Microns per counted pixel.
        counts: The counts.
        worst: Where the map is wrong, the largest places first.
        note: What was not simply read of the annotations; empty if all of it was.
    """

    case: Case
    prediction: Path
    scheme: ClassScheme
    mpp: float
    counts: Counts
    worst: tuple[Disagreement, ...] = ()
    note: str = ""

    @property
    def confusion(self) -> Confusion:
        """The pixels by true and mapped class."""
        return self.counts.confusion

    @property
    def bach(self) -> float | None:
        """BACH score; None with other classes, or where all is normal in truth and map."""
        return _bach(self.confusion, self.scheme)

    def to_dict(self, settings: EvaluationSettings) -> dict[str, Any]:
        """Return this slide's entry of ``scores.json``."""
        return {
            "slide": self.case.name,
            "patient": self.case.patient,
            **_nested(self.counts, self.scheme, settings),
            "counts": self.counts.to_dict(),
        }


@dataclass(frozen=True)
class Scores:
    """The scores of a cohort: every slide that could be scored, however badly it did.

    Attributes:
        scheme: The classes.
        mpp: Microns per counted pixel, the same in all maps.
        settings: How they were made.
        cases: The slides that were scored, at least one.
        unmapped: Names of the slides that have no map.
        unannotated: Names of the slides that have no annotation.
        failures: What went wrong with each slide that could not be scored, by its name.
        intervals: 95 % intervals over patients, by the names of ``figures``; of one patient none.
        known: The model that made the maps, where it was named.
        warnings: Why these scores may be worth less than they look.
        notes: What a user should know of how annotations were found and read.
    """

    scheme: ClassScheme
    mpp: float
    settings: EvaluationSettings
    cases: tuple[CaseScores, ...]
    unmapped: tuple[str, ...]
    unannotated: tuple[str, ...]
    failures: dict[str, str]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    known: KnownModel | None = None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def counts(self) -> Counts:
        """The counts of all slides together."""
        return reduce(add, (case.counts for case in self.cases))

    @property
    def confusion(self) -> Confusion:
        """The pixels of all slides by true and mapped class."""
        return self.counts.confusion

    @property
    def bach(self) -> float | None:
        """BACH score of all slides together; None as in ``CaseScores.bach``."""
        return _bach(self.confusion, self.scheme)

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``scores.json``; what is undefined is None."""
        return {
            **_nested(self.counts, self.scheme, self.settings),
            "slides": [case.to_dict(self.settings) for case in self.cases],
            "intervals": {key: list(ends) for key, ends in self.intervals.items()},
            "mpp": self.mpp,
            "settings": self.settings.model_dump(),
            "warnings": list(self.warnings),
            "rule": RULE,
        }


def figures(counts: Counts, scheme: ClassScheme, settings: EvaluationSettings) -> Figures:
    """Return all scores by name: ``mean_iou``, …, and ``classes.NAME.iou``, … for each class."""
    flat = overall_figures(counts, scheme)
    for name, of_class in class_figures(counts, scheme, settings).items():
        flat |= {f"classes.{name}.{key}": value for key, value in of_class.items()}
    return flat


def overall_figures(counts: Counts, scheme: ClassScheme) -> Figures:
    """Return the scores that are of no single class."""
    confusion = counts.confusion
    return {
        "mean_iou": confusion.mean_iou,
        "mean_dice": confusion.mean_dice,
        "pixel_accuracy": confusion.pixel_accuracy,
        "frequency_weighted_iou": confusion.frequency_weighted_iou,
        "kappa": confusion.kappa,
        "bach": _bach(confusion, scheme),
        "calibration_error": counts.calibration.error,
    }


def class_figures(
    counts: Counts, scheme: ClassScheme, settings: EvaluationSettings
) -> dict[str, Figures]:
    """Return the scores of every class, by its name.

    Boundaries that lie beyond what is measured, or on one side alone, have no distance.
    """
    confusion, boundaries, regions = counts.confusion, counts.boundaries, counts.regions
    columns: dict[str, tuple[float | None, ...]] = {
        "iou": confusion.iou,
        "dice": confusion.dice,
        "precision": confusion.precision,
        "recall": confusion.recall,
        "specificity": confusion.specificity,
        "area_ratio": confusion.area_ratio,
        "surface_dice": boundaries.surface_dice(settings.tolerance_um),
        "hausdorff_95_um": tuple(map(_finite, boundaries.hausdorff_95)),
        "region_precision": regions.precision,
        "region_recall": regions.recall,
        "region_f1": regions.f1,
    }
    return {
        name: {key: values[index] for key, values in columns.items()}
        for index, name in enumerate(scheme.names)
    }


def _finite(value: float | None) -> float | None:
    return None if value is None or math.isinf(value) else value


def _bach(confusion: Confusion, scheme: ClassScheme) -> float | None:
    return confusion.bach if has_bach_classes(scheme) else None


def _nested(counts: Counts, scheme: ClassScheme, settings: EvaluationSettings) -> dict[str, Any]:
    areas = zip(counts.confusion.truth_pixels, counts.confusion.mapped_pixels, strict=True)
    of_classes = class_figures(counts, scheme, settings).items()
    return {
        **overall_figures(counts, scheme),
        "classes": {
            name: {**of_class, "pixels": truth, "mapped_pixels": mapped}
            for (name, of_class), (truth, mapped) in zip(of_classes, areas, strict=True)
        },
        "confusion": counts.confusion.to_dict(),
    }
