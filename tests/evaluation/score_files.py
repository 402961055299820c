"""Counts and score files of slides that nobody has seen."""

import json
from pathlib import Path

import numpy as np

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Case
from carcinomap.evaluation import CaseScores, Confusion, Scores
from carcinomap.evaluation.boundaries import Boundaries
from carcinomap.evaluation.calibration import Calibration
from carcinomap.evaluation.counts import Counts
from carcinomap.evaluation.regions import Regions
from carcinomap.evaluation.settings import EvaluationSettings

SCHEME = ClassScheme.default()


def two_classes(right: int, wrong: int) -> np.ndarray:
    """Return a matrix of normal tissue mapped well, and of benign tissue mapped as given."""
    matrix = np.zeros((4, 4), np.int64)
    matrix[0, 0], matrix[1, 1], matrix[1, 0] = 100, right, wrong
    return matrix


def pixels(matrix: np.ndarray) -> Counts:
    """Return counts of pixels alone."""
    empty = Counts.empty(len(matrix))
    return Counts(Confusion(matrix), empty.boundaries, empty.regions, empty.calibration)


def anything(rng: np.random.Generator, classes: int = 4) -> Counts:
    """Return counts of everything that is counted, some of them 0."""

    def some(*shape: int) -> np.ndarray:
        return rng.integers(0, 50, shape) * rng.integers(0, 2, shape)

    empty = Counts.empty(classes)
    points = empty.boundaries.points.copy()
    points[:, :, :80] = some(2, classes, 80)
    truth, mapped = some(classes), some(classes)
    probable = some(len(empty.calibration.pixels))
    return Counts(
        Confusion(some(classes, classes)),
        Boundaries(points),
        Regions(truth, truth // 2, mapped, mapped // 3),
        Calibration(probable, probable // 2, probable * 0.7),
    )


def scored(name: str, patient: str, counts: Counts, mpp: float = 1.0) -> CaseScores:
    """Return the scores of a slide."""
    return CaseScores(Case(Path(f"{name}.svs"), patient=patient), Path("map"), SCHEME, mpp, counts)


def write_scores(
    path: Path,
    cases: list[CaseScores],
    settings: EvaluationSettings | None = None,
    warnings: tuple[str, ...] = (),
) -> Path:
    """Write a ``scores.json`` into a folder, and return the folder."""
    settings = settings or EvaluationSettings()
    scores = Scores(
        cases[0].scheme, cases[0].mpp, settings, tuple(cases), (), (), {}, warnings=warnings
    )
    path.mkdir()
    (path / "scores.json").write_text(json.dumps(scores.to_dict()), encoding="utf-8")
    return path
