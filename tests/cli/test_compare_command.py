import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from carcinomap.annotation import ClassScheme
from carcinomap.cli.main import app
from carcinomap.cohort import Case
from carcinomap.evaluation import CaseScores, Confusion, Scores
from carcinomap.evaluation.counts import Counts
from carcinomap.evaluation.settings import EvaluationSettings

SCHEME = ClassScheme.default()


def call(*arguments):
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


@pytest.fixture
def folders(tmp_path):
    """Return the scores of eight slides that were mapped twice, one of them the first time only."""
    empty = Counts.empty(4)
    made = []
    for name, missed, slides in (("a", 20, 8), ("b", 10, 7)):
        confusion = Confusion(np.diag([100, 80, 0, 50]))
        confusion.matrix[1, :2] = missed, 100 - missed
        counts = Counts(confusion, empty.boundaries, empty.regions, empty.calibration)
        cases = tuple(
            CaseScores(Case(Path(f"s{i}.svs"), patient=f"p{i}"), Path("m"), SCHEME, 1.0, counts)
            for i in range(slides)
        )
        scores = Scores(SCHEME, 1.0, EvaluationSettings(), cases, (), (), {})
        made.append(tmp_path / name)
        made[-1].mkdir()
        (made[-1] / "scores.json").write_text(json.dumps(scores.to_dict()), encoding="utf-8")
    return made


def test_json_is_the_comparison(folders):
    result = call(*folders, "--json", "--seed", 3, "--resamples", 100)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["patients"] == len(found["slides"]) == 7
    recall = found["differences"]["classes.benign.recall"]
    assert (recall["first"], recall["second"], recall["same_sign"]) == (0.8, 0.9, 1.0)


def test_table_and_notes_are_for_people(folders):
    result = call(*folders)
    assert result.exit_code == 0, result.output
    assert "7 slides of 7 patients" in result.stdout
    assert "+0.100 to +0.100" in result.stdout
    assert "left out: s7" in result.stderr
    assert "left out" not in call(*folders, "--quiet").stderr


def test_what_cannot_be_compared_is_said(folders, tmp_path):
    result = call(folders[0], tmp_path)
    assert result.exit_code == 2
    assert "no such scores file" in result.stderr
    assert call(*folders, "--resamples", 5).exit_code == 2
