"""The scores on the screen."""

import numpy as np
import pytest
from rich.console import Console

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Case
from carcinomap.evaluation import CaseScores, Confusion, Scores, score_table

# BACH score: 1 − (50·2 + 100·2) / (50·3 + 100·2 + 300·2).
MATRIX = np.array([[800, 0, 50, 0], [0, 0, 0, 0], [100, 0, 300, 0], [0, 0, 0, 0]], np.int64)


def scores(folder, slides, scheme=None, **left_out):
    scheme = scheme or ClassScheme.default()
    matrix = MATRIX[: len(scheme), : len(scheme)]
    cases = tuple(
        CaseScores(
            Case(folder / f"slide [{i}].svs"), folder / "map", scheme, 10.0, Confusion(matrix)
        )
        for i in range(slides)
    )
    rest = {"unmapped": (), "unannotated": (), "failures": {}} | left_out
    return Scores(scheme, 10.0, cases, **rest)


def printed(value):
    console = Console(width=120)
    with console.capture() as capture:
        console.print(score_table(value))
    return capture.get()


def row(text, first):
    return next(line.split() for line in text.splitlines() if line.strip().startswith(first))


def test_classes_and_overall(tmp_path):
    text = printed(scores(tmp_path, 1))
    assert row(text, "normal")[1:] == ["0.842", "0.914", "0.889", "0.941", "0.0850"]
    assert row(text, "benign")[1:] == ["–"] * 4 + ["0"]
    assert "mean IoU 0.754   mean Dice 0.857   accuracy 0.880   BACH score 0.684" in text
    assert "slide [0]" not in text  # one slide is the whole


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
