"""Two evaluations of the same slides: what differs, and whether that may be chance."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carcinomap.annotation import ClassScheme
from carcinomap.errors import InputError
from carcinomap.evaluation.counts import Counts
from carcinomap.evaluation.intervals import (
    draw_patients,
    interval,
    pool_patients,
    resampled_figures,
)
from carcinomap.evaluation.labels import listed
from carcinomap.evaluation.score_file import ScoreFile
from carcinomap.evaluation.scores import figures
from carcinomap.evaluation.settings import EvaluationSettings

SAME_AREA = 0.01
"""Share by which the true area of a class may differ where maps differ in their mpp."""
SETTINGS = ("detail_mpp", "tolerance_um", "min_region_um2", "overlap")
"""What two evaluations must have in common."""


@dataclass(frozen=True)
class Difference:
    """One score in two evaluations.

    Attributes:
        first: In the first.
        second: In the second.
        difference: Second minus first; None where one has no score.
        interval: Ends between which 95 % of the resampled differences lie; None where there is
            one patient alone, or too many resamples have no score.
        same_sign: Share of the resamples whose difference has the sign of ``difference``; None
            where there is no interval, or no difference.
    """

    first: float | None
    second: float | None
    difference: float | None
    interval: tuple[float, float] | None
    same_sign: float | None


@dataclass(frozen=True)
class Comparison:
    """How two evaluations differ on the slides that both have.

    Attributes:
        first: The first ``scores.json``.
        second: The second.
        scheme: The classes.
        slides: What was compared, by name.
        patients: How many they are of.
        differences: By the names of ``figures``.
        notes: What a reader should know, such as which slides were left out.
    """

    first: Path
    second: Path
    scheme: ClassScheme
    slides: tuple[str, ...]
    patients: int
    differences: dict[str, Difference]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON holds it; what is undefined is None."""
        return {
            "first": str(self.first),
            "second": str(self.second),
            "slides": list(self.slides),
            "patients": self.patients,
            "differences": {key: asdict(value) for key, value in self.differences.items()},
            "notes": list(self.notes),
        }


def compare(first: str | Path, second: str | Path, resamples: int, seed: int) -> Comparison:
    """Compare two evaluations of the same slides, patient by patient.

    The slides of both are pooled, and the same patients are drawn for both: most of what
    differs between patients is common to both and cancels, so that the interval of the
    difference is narrower than the two intervals let expect (Efron and Tibshirani, An
    Introduction to the Bootstrap, 1993, chapter 13).

    Args:
        first: ``scores.json``, or the folder it lies in.
        second: The same of what is compared with it.
        resamples: How many cohorts are drawn.
        seed: Seed of the resampling.

    Raises:
        InputError: A file cannot be read, or they differ in classes, settings, patients or, on
            every slide, in what is true of it.
    """
    one, other = ScoreFile.read(first), ScoreFile.read(second)
    _check(one, other)
    slides, notes = _common(one, other)
    pools = [pool_patients(_of_slides(file, slides)) for file in (one, other)]
    times = draw_patients(len(pools[0]), resamples, seed)
    return Comparison(
        one.path,
        other.path,
        one.scheme,
        slides,
        len(pools[0]),
        _differences([list(pool.values()) for pool in pools], times, one.scheme, one.settings),
        tuple(notes),
    )


def _of_slides(file: ScoreFile, slides: Iterable[str]) -> Iterable[tuple[str, Counts]]:
    return ((file.slides[name].patient, file.slides[name].counts) for name in slides)


def _differences(
    pools: list[list[Counts]],
    times: NDArray[np.int64],
    scheme: ClassScheme,
    settings: EvaluationSettings,
) -> dict[str, Difference]:
    """Return the difference of every score between the same patients, counted twice."""
    first, second = (figures(reduce(add, pool), scheme, settings) for pool in pools)
    drawn_first, drawn_second = (resampled_figures(pool, times, scheme, settings) for pool in pools)
    nothing = np.empty(0)
    return {
        key: _difference(
            first[key],
            second[key],
            drawn_second.get(key, nothing) - drawn_first.get(key, nothing),
        )
        for key in first
    }


def _difference(
    first: float | None, second: float | None, drawn: NDArray[np.float64]
) -> Difference:
    if first is None or second is None:
        return Difference(first, second, None, None, None)
    difference = second - first
    ends = interval(drawn)
    same = None
    if ends is not None and difference:
        there = drawn[~np.isnan(drawn)]
        same = float(np.mean(np.sign(there) == np.sign(difference)))
    return Difference(first, second, difference, ends, same)


def _check(one: ScoreFile, other: ScoreFile) -> None:
    """Raise InputError where the scores are not of the same kind."""
    unlike = {"classes": (", ".join(one.scheme.names), ", ".join(other.scheme.names))}
    unlike |= {key: (getattr(one.settings, key), getattr(other.settings, key)) for key in SETTINGS}
    for key, (value, its) in unlike.items():
        if value != its:
            raise InputError(
                f"{one.path} and {other.path} were not made alike: {key} {value} against {its}; "
                "evaluate both sets of maps in the same way"
            )


def _common(one: ScoreFile, other: ScoreFile) -> tuple[tuple[str, ...], list[str]]:
    """Return the slides that can be compared, and notes.

    Raises:
        InputError: There is none, or a slide is of two patients.
    """
    both = sorted(one.slides.keys() & other.slides.keys())
    for name in both:
        patient, its = one.slides[name].patient, other.slides[name].patient
        if patient != its:
            raise InputError(
                f"slide {name} is of patient {patient} in {one.path} and of {its} in "
                f"{other.path}; evaluate both with the same table of patients"
            )
    unlike = [name for name in both if not _same_truth(one, other, name)]
    slides = tuple(name for name in both if name not in set(unlike))
    if not slides:
        raise InputError(
            f"{one.path} and {other.path}: no slide is in both with the same true areas; "
            "evaluate both sets of maps with the same annotations"
        )
    notes = [f"{file.path}: {warning}" for file in (one, other) for warning in file.warnings]
    notes += [
        f"only in {file.path}, left out: {listed(sorted(file.slides.keys() - set(both)))}"
        for file in (one, other)
        if file.slides.keys() - set(both)
    ]
    if unlike:
        notes.append(f"what is true differs between the two, left out: {listed(unlike)}")
    if one.mpp != other.mpp:
        notes.append(
            f"counted at {one.mpp:g} and {other.mpp:g} mpp: each map at its own, so that small "
            "differences may come from the size of the pixels"
        )
    return slides, notes


def _same_truth(one: ScoreFile, other: ScoreFile, name: str) -> bool:
    """Tell whether both evaluations had the same true area of every class on a slide.

    Class 0 is no witness: bare glass counts as it wherever a map claims something there.
    """
    largest_pixel = max(one.mpp, other.mpp) ** 2
    pairs = zip(_true_areas(one, name)[1:], _true_areas(other, name)[1:], strict=True)
    for area, its in pairs:
        larger = max(area, its)
        # Where the rim runs through few pixels, chance decides which side they fall on.
        chance = math.sqrt(larger * largest_pixel)
        if abs(area - its) > max(SAME_AREA * larger, chance):
            return False
    return True


def _true_areas(file: ScoreFile, name: str) -> list[float]:
    """Return the true area of each class on a slide, µm²."""
    pixels = file.slides[name].counts.confusion.truth_pixels
    return [count * file.mpp**2 for count in pixels]
