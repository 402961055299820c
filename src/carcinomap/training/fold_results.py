"""The result of a cross-validation: its models, and their scores on whom they had not seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Case
from carcinomap.errors import CarcinomapError
from carcinomap.evaluation import CaseScores, Confusion, Scores, write_report
from carcinomap.evaluation.intervals import patient_intervals
from carcinomap.evaluation.score_file import NAME, write_scores
from carcinomap.evaluation.settings import EvaluationSettings
from carcinomap.files import write_json


@dataclass(frozen=True)
class Fold:
    """One model, and the patients who were held out of its training.

    Attributes:
        number: From 1.
        model: The model file.
        cases: What was held out.
        scores: The counts of those of the cases that could be mapped and scored.
        failures: What went wrong with each of the others, by name.
    """

    number: int
    model: Path
    cases: tuple[Case, ...]
    scores: tuple[CaseScores, ...]
    failures: dict[str, str]


@dataclass(frozen=True)
class FoldsResult:
    """What a cross-validation left.

    Attributes:
        folds: In order.
        scores: Of all slides, each mapped by the model that had not seen its patient.
        notes: What a user should know.
    """

    folds: tuple[Fold, ...]
    scores: Scores
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls, folds: Sequence[Fold], scheme: ClassScheme, seed: int, notes: Sequence[str]
    ) -> "FoldsResult":
        """Pool the folds.

        Args:
            folds: All of them.
            scheme: The classes.
            seed: Seed of the intervals.
            notes: What a user should know; what is said twice is kept once.

        Raises:
            CarcinomapError: Not one slide could be scored.
        """
        scored = (one for fold in folds for one in fold.scores)
        scores = tuple(sorted(scored, key=lambda one: one.case.name))
        failures = {name: why for fold in folds for name, why in fold.failures.items()}
        if not scores:
            reasons = "\n".join(failures.values())
            raise CarcinomapError(f"not one slide could be scored:\n{reasons}")
        settings = EvaluationSettings()
        intervals = patient_intervals(scores, scheme, settings, seed)
        pooled = Scores(scheme, scores[0].mpp, settings, scores, (), (), failures, intervals)
        return cls(tuple(folds), pooled, tuple(dict.fromkeys(notes)))

    def write(self, output: Path) -> None:
        """Write ``report.html``, ``scores.json`` and, last, ``folds.json`` into a folder."""
        write_report(self.scores, output / "report.html")
        write_scores(self.scores, output / NAME)
        write_json(output / "folds.json", self.to_dict())

    @property
    def intervals(self) -> Mapping[str, tuple[float, float]]:
        """95 % intervals of the scores over patients; of one patient none."""
        return self.scores.intervals

    @property
    def models(self) -> tuple[Path, ...]:
        """The members of the ensemble."""
        return tuple(fold.model for fold in self.folds)

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``folds.json``."""
        scheme = self.scores.scheme
        return {
            "folds": [_described(fold, scheme) for fold in self.folds],
            "out_of_fold": {
                **_figures(self.scores.confusion, scheme),
                "intervals": {key: list(ends) for key, ends in self.intervals.items()},
            },
            "failures": self.scores.failures,
            "notes": list(self.notes),
        }


def _described(fold: Fold, scheme: ClassScheme) -> dict[str, Any]:
    counted = reduce(add, (one.confusion for one in fold.scores), Confusion.empty(len(scheme)))
    return {
        "fold": fold.number,
        "model": f"{fold.model.parent.name}/{fold.model.name}",
        "patients": sorted({case.patient for case in fold.cases}),
        "slides": [case.name for case in fold.cases],
        **_figures(counted, scheme),
    }


def _figures(confusion: Confusion, scheme: ClassScheme) -> dict[str, Any]:
    return {
        "mean_iou": confusion.mean_iou,
        "iou": dict(zip(scheme.names, confusion.iou, strict=True)),
        "confusion": confusion.matrix.tolist(),
    }
