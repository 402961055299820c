"""How much scores depend on who was in the cohort."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from carcinomap.annotation import ClassScheme
from carcinomap.evaluation.counts import Counts
from carcinomap.evaluation.scores import CaseScores, figures
from carcinomap.evaluation.settings import EvaluationSettings

CONFIDENCE = 0.95
MOST_MISSING = 0.05
"""Share of the resamples that may lack a score, as where a class is of few patients."""
AT_ONCE = 100
"""Resamples that are summed in one product of matrices: their sums lie in memory together."""

Intervals = dict[str, tuple[float, float]]
"""Low and high end by the names of ``figures``."""


def patient_intervals(
    cases: Iterable[CaseScores], scheme: ClassScheme, settings: EvaluationSettings, seed: int
) -> Intervals:
    """Return 95 % intervals of the scores of all slides together.

    Percentile bootstrap over patients (Efron and Tibshirani, An Introduction to the Bootstrap,
    1993, chapter 13): pixels and slides of one patient are not independent of one another. With
    fewer than about twenty patients such intervals are too narrow.

    Args:
        cases: The counts of slides.
        scheme: The classes.
        settings: How often to resample, and how the scores are made.
        seed: Seed of the resampling.

    Returns:
        The ends of every score that (almost) every resample has; nothing for one patient alone.
    """
    patients = pool_patients((one.case.patient, one.counts) for one in cases)
    times = draw_patients(len(patients), settings.resamples, seed)
    drawn = resampled_figures(list(patients.values()), times, scheme, settings)
    found = {key: interval(values) for key, values in drawn.items()}
    return {key: ends for key, ends in found.items() if ends is not None}


def pool_patients(of_slides: Iterable[tuple[str, Counts]]) -> dict[str, Counts]:
    """Add up the slides of each patient; the patients are in order."""
    pooled: dict[str, Counts] = {}
    for patient, counts in of_slides:
        pooled[patient] = pooled[patient] + counts if patient in pooled else counts
    return dict(sorted(pooled.items()))


def draw_patients(patients: int, resamples: int, seed: int) -> NDArray[np.int64]:
    """Draw cohorts of the same size from patients, with replacement.

    Returns:
        int64 (resamples, patients): how often each is drawn; no resample of fewer than two
        patients, of whom there is no other cohort to draw.
    """
    if patients < 2:
        return np.empty((0, patients), np.int64)
    chances = np.full(patients, 1 / patients)
    return np.random.default_rng(seed).multinomial(patients, chances, resamples)


def resampled_figures(
    patients: Sequence[Counts],
    times: NDArray[np.int64],
    scheme: ClassScheme,
    settings: EvaluationSettings,
) -> dict[str, NDArray[np.float64]]:
    """Return the scores of every resample by name, NaN where one is undefined.

    Args:
        patients: The counts of each.
        times: How often each is drawn (``draw_patients``).
        scheme: The classes.
        settings: How the scores are made.
    """
    found: dict[str, list[float | None]] = {}
    for counts in _sums(patients, times):
        for key, value in figures(counts, scheme, settings).items():
            found.setdefault(key, []).append(value)
    return {key: np.array(values, np.float64) for key, values in found.items()}


def interval(values: NDArray[np.float64]) -> tuple[float, float] | None:
    """Return the ends between which 95 % of the resamples lie.

    Args:
        values: Of every resample, NaN where it has none.

    Returns:
        None where there is no resample, or where too many have no value.
    """
    there = np.sort(values[~np.isnan(values)])
    if there.size == 0 or there.size < (1 - MOST_MISSING) * values.size:
        return None
    beyond = int(there.size * (1 - CONFIDENCE) / 2)
    return float(there[beyond]), float(there[-1 - beyond])


def _sums(patients: Sequence[Counts], times: NDArray[np.int64]) -> Iterator[Counts]:
    """Yield the sum of the patients of every resample.

    All counts of a patient are one row of numbers, so that many resamples are one product of
    matrices. In float64, where it is fast: whole numbers stay exact far beyond any cohort's.
    """
    if not len(times):
        return
    rows = np.stack([np.concatenate([a.ravel() for a in _arrays(one)]) for one in patients])
    rows = rows.astype(np.float64, copy=False)
    # Most distances of boundaries are those of nobody.
    used = rows.any(axis=0)
    rows = rows[:, used]
    for begin in range(0, len(times), AT_ONCE):
        for drawn in times[begin : begin + AT_ONCE].astype(np.float64) @ rows:
            numbers = np.zeros(used.size)
            numbers[used] = drawn
            yield _counts(numbers, patients[0])


def _arrays(counts: Counts) -> list[NDArray[np.generic]]:
    """Return all that was counted; every part holds nothing but arrays."""
    parts = [getattr(counts, one.name) for one in fields(counts)]
    return [getattr(part, one.name) for part in parts for one in fields(part)]


def _counts(numbers: NDArray[np.float64], like: Counts) -> Counts:
    """Turn a row of numbers into counts of the same classes as others."""
    arrays = _arrays(like)
    ends = np.cumsum([one.size for one in arrays])[:-1]
    cut = iter(
        piece.reshape(one.shape).astype(one.dtype)
        for piece, one in zip(np.split(numbers, ends), arrays, strict=True)
    )
    parts = [type(getattr(like, one.name)) for one in fields(like)]
    return Counts(*(part(*(next(cut) for _ in fields(part))) for part in parts))
