from pathlib import Path

import numpy as np
import pytest

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Case
from carcinomap.evaluation import CaseScores, Confusion
from carcinomap.training.held_out import patient_intervals

SCHEME = ClassScheme.default()


def scored(patient, matrix):
    case = Case(Path(f"{patient}.svs"), patient=patient)
    return CaseScores(case, Path("map"), SCHEME, 1.0, Confusion(np.array(matrix, np.int64)))


def two_classes(right, wrong):
    matrix = np.zeros((4, 4), np.int64)
    matrix[0, 0], matrix[1, 1], matrix[1, 0] = 100, right, wrong
    return matrix


def test_interval_holds_the_pooled_score_and_widens_with_disagreement():
    alike = [scored(str(i), two_classes(50 + i, 50 - i)) for i in range(9)]
    unlike = [scored(str(i), two_classes(10 + 10 * i, 90 - 10 * i)) for i in range(9)]
    widths = []
    for scores in (alike, unlike):
        pooled = sum((one.confusion for one in scores), Confusion.empty(4))
        found = patient_intervals(scores, SCHEME, 0)
        points = {"mean_iou": pooled.mean_iou, "classes.benign.iou": pooled.iou[1]}
        for key, point in points.items():
            low, high = found[key]
            assert low < point < high
        low, high = found["mean_iou"]
        widths.append(high - low)
    assert widths[1] > 3 * widths[0]


def test_slides_of_one_patient_are_drawn_together():
    halves = [scored("a", two_classes(90, 10)), scored("a", two_classes(10, 90))]
    halves.append(scored("b", two_classes(100, 100)))
    wholes = [scored("a", two_classes(90, 10) + two_classes(10, 90)), halves[-1]]
    assert patient_intervals(halves, SCHEME, 3) == patient_intervals(wholes, SCHEME, 3)


def test_seed_decides_and_absent_classes_have_no_interval():
    scores = [scored(str(i), two_classes(7 * i, 100 + i**2)) for i in range(20)]
    assert patient_intervals(scores, SCHEME, 1) == patient_intervals(scores, SCHEME, 1)
    assert patient_intervals(scores, SCHEME, 1) != patient_intervals(scores, SCHEME, 2)
    assert "classes.invasive.iou" not in patient_intervals(scores, SCHEME, 1)


def test_two_patients_give_their_own_scores_as_ends():
    scores = [scored("a", two_classes(100, 0)), scored("b", two_classes(0, 100))]
    low, high = patient_intervals(scores, SCHEME, 0)["classes.benign.iou"]
    assert (low, high) == pytest.approx((0.0, 1.0))
