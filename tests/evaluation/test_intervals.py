"""How much scores depend on who was in the cohort."""

from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score_files import SCHEME, anything, pixels, scored, two_classes

from carcinomap.evaluation.intervals import (
    draw_patients,
    interval,
    patient_intervals,
    resampled_figures,
)
from carcinomap.evaluation.scores import figures
from carcinomap.evaluation.settings import EvaluationSettings

SETTINGS = EvaluationSettings(resamples=500)


def intervals(matrices, seed=0):
    cases = [scored(str(i), str(i), pixels(matrix)) for i, matrix in enumerate(matrices)]
    return patient_intervals(cases, SCHEME, SETTINGS, seed)


def test_interval_holds_the_pooled_score_and_widens_with_disagreement():
    alike = [two_classes(50 + i, 50 - i) for i in range(9)]
    unlike = [two_classes(10 + 10 * i, 90 - 10 * i) for i in range(9)]
    widths = []
    for matrices in (alike, unlike):
        pooled = figures(pixels(sum(matrices)), SCHEME, SETTINGS)
        found = intervals(matrices)
        for key in ("mean_iou", "kappa", "classes.benign.iou", "classes.benign.recall"):
            low, high = found[key]
            assert low < pooled[key] < high
        low, high = found["mean_iou"]
        widths.append(high - low)
    assert widths[1] > 3 * widths[0]


def test_slides_of_one_patient_are_drawn_together():
    one, other, third = two_classes(90, 10), two_classes(10, 90), two_classes(100, 100)
    halves = [("1", "a", one), ("2", "b", third), ("3", "a", other)]
    wholes = [("2", "b", third), ("13", "a", one + other)]
    found = [
        patient_intervals(
            [scored(name, patient, pixels(matrix)) for name, patient, matrix in slides],
            SCHEME,
            SETTINGS,
            3,
        )
        for slides in (halves, wholes)
    ]
    assert found[0] == found[1]
    assert found[0]


def test_seed_decides_and_absent_classes_have_no_interval():
    matrices = [two_classes(7 * i, 100 + i**2) for i in range(20)]
    found = intervals(matrices, 1)
    assert found == intervals(matrices, 1)
    assert found != intervals(matrices, 2)
    assert "classes.invasive.iou" not in found


def test_a_class_of_few_patients_has_no_interval():
    without = [two_classes(0, 0)] * 10
    of_one = intervals([two_classes(50, 50), *without])  # absent from a third of the resamples
    of_half = intervals([two_classes(50, 50)] * 10 + without)
    assert "classes.benign.recall" not in of_one
    assert of_half["classes.benign.recall"] == (0.5, 0.5)


def test_two_patients_give_their_own_scores_as_ends_and_one_gives_none():
    matrices = [two_classes(100, 0), two_classes(0, 100)]
    assert intervals(matrices)["classes.benign.iou"] == (0.0, 1.0)
    assert intervals(matrices[:1]) == {}


@given(st.integers(0, 2**32), st.integers(2, 6), st.integers(2, 4))
@settings(max_examples=10, deadline=None)
def test_resampled_scores_are_those_of_slides_added_one_by_one(seed, patients, classes):
    rng = np.random.default_rng(seed)
    scheme = type(SCHEME)(SCHEME.classes[:classes])
    counts = [anything(rng, classes) for _ in range(patients)]
    times = draw_patients(patients, 120, seed)
    assert (times.sum(axis=1) == patients).all()
    drawn = resampled_figures(counts, times, scheme, SETTINGS)
    for number in (0, 7, 119):
        added = reduce(add, (one * int(n) for one, n in zip(counts, times[number], strict=True)))
        for key, value in figures(added, scheme, SETTINGS).items():
            expected = np.nan if value is None else value
            assert drawn[key][number] == pytest.approx(expected, nan_ok=True)


def test_ends_leave_out_the_same_share_on_both_sides():
    values = np.random.default_rng(0).permutation(np.arange(1000.0))
    assert interval(values) == (25.0, 974.0)
    values[:50] = np.nan
    low, high = interval(values)
    rest = values[50:]
    assert (rest < low).sum() == (rest > high).sum() == 23
    values[50] = np.nan  # more than 5 % have no value
    assert interval(values) is None
    assert interval(np.empty(0)) is None
