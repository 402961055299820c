"""The scores on the screen."""

from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Case
from carcinomap.evaluation import (
    CaseScores,
    Confusion,
    Counts,
    EvaluationSettings,
    Scores,
    score_table,
)
from carcinomap.evaluation.regions import Regions

# BACH score: 1 − (50·2 + 100·2) / (50·3 + 100·2 + 300·2).
MATRIX = np.array([[800, 0, 50, 0], [0, 0, 0, 0], [100, 0, 300, 0], [0, 0, 0, 0]], np.int64)


def scores(folder, slides, scheme=None, **left_out):
    scheme = scheme or ClassScheme.default()
    matrix = MATRIX[: len(scheme), : len(scheme)]
    counts = replace(Counts.empty(len(scheme)), confusion=Confusion(matrix))
    cases = tuple(
        CaseScores(Case(folder / f"slide [{i}].svs"), folder / "map", scheme, 10.0, counts)
        for i in range(slides)
    )
    rest = {"unmapped": (), "unannotated": (), "failures": {}} | left_out
    return Scores(scheme, 10.0, EvaluationSettings(), cases, **rest)


def printed(value):
    console = Console(width=80)
    with console.capture() as capture:
        console.print(score_table(value))
    return capture.get()


def row(text, first):
    return next(line.split() for line in text.splitlines() if line.strip().startswith(first))


def test_classes_and_overall(tmp_path):
    text = printed(scores(tmp_path, 1))
    assert row(text, "normal")[1:] == ["0.842", "0.889", "0.941", "–", "–", "0.0850"]
    assert row(text, "benign")[1:] == ["–"] * 5 + ["0"]
    for name, value in {"mean IoU": "0.754", "mean Dice": "0.857", "BACH score": "0.684"}.items():
        assert row(text, name)[-1] == value
    assert "calibration" not in text  # no probabilities were kept
    assert "slide [0]" not in text  # one slide is the whole


def test_regions_of_the_background_are_not_told(tmp_path):
    one = scores(tmp_path, 1)
    (case,) = one.cases
    regions = Regions(*(np.array([2, 0, 1, 0]) for _ in range(4)))
    case = replace(case, counts=replace(case.counts, regions=regions))
    text = printed(replace(one, cases=(case,)))
    assert (row(text, "normal")[-2], row(text, "in situ")[-2]) == ("–", "1.000")


@pytest.mark.parametrize(("slides", "listed"), [(2, True), (20, True), (21, False)])
def test_slides_are_listed_where_they_are_few(tmp_path, slides, listed):
    text = printed(scores(tmp_path, slides))
    assert ("slide [1]" in text) == listed
    if listed:
        assert row(text, "slide [1]")[2:] == ["0.754", "0.857", "0.880", "0.684"]


def test_other_classes_have_no_bach_column(tmp_path):
    three = ClassScheme(ClassScheme.default().classes[:3])
    assert "BACH" not in printed(scores(tmp_path, 2, three))


def test_what_is_left_out_is_said(tmp_path):
    text = printed(
        scores(
            tmp_path,
            1,
            unmapped=("u1", "u2"),
            unannotated=("[bold]n"),
            failures={"f": "f.svs: broken"},
        )
    )
    assert "no map, left out: u1, u2" in text
    assert "f: could not be scored: f.svs: broken" in text


def test_of_many_slides_left_out_some_are_named(tmp_path):
    text = printed(scores(tmp_path, 1, unmapped=tuple(f"u{i}" for i in range(10))))
    assert "u7 and 2 more" in text
    assert "u8" not in text


def test_intervals_and_warnings_are_shown(tmp_path):
    intervals = {"mean_iou": (0.7, 0.8), "classes.normal.iou": (0.81, 0.87)}
    text = printed(scores(tmp_path, 1, intervals=intervals, warnings=("patient p was trained on",)))
    assert row(text, "mean IoU")[-1] == "0.70–0.80"
    assert row(text, "normal")[2] == "0.81–0.87"
    assert "patient p was trained on" in text
