import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_training import SMALL

from carcinomap.cohort import Cohort, read_cohort
from carcinomap.errors import InputError
from carcinomap.model import load_model
from carcinomap.model.torch_runtime import TorchRuntime
from carcinomap.segmentation.models import model_files, open_models
from carcinomap.training import TrainingSettings, folds, held_out
from carcinomap.training.folds import cross_validate

TINY = SMALL | {"architecture": "atrous-resnet", "width": 0.125, "mpp": 4.0}
SETTINGS = TrainingSettings(**TINY, steps=1, validate_every=1)


@pytest.fixture(scope="module")
def cohort(made_slides):
    """Return three slides of three patients."""
    found = read_cohort(made_slides)
    return replace(found, cases=tuple(replace(case, patient=case.name) for case in found.cases))


@pytest.fixture(scope="module", autouse=True)
def _no_conversion():
    """Let PyTorch execute the models: to convert each for OpenVINO takes seconds."""

    def open_models(file, *_):
        model = load_model(file)
        return TorchRuntime(model, torch.device("cpu")), [model]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held_out, "open_models", open_models)
        yield


@pytest.fixture(scope="module")
def result(cohort, tmp_path_factory):
    return cross_validate(cohort, tmp_path_factory.mktemp("folds"), 2, SETTINGS)


@pytest.fixture
def output(result):
    return result.models[0].parent.parent


@pytest.fixture
def no_maps(monkeypatch):
    """Leave out mapping and scoring, for tests of what is trained."""

    def score(model, cases, *_):
        return (), {case.name: "not asked for" for case in cases}

    monkeypatch.setattr(folds, "score_held_out", score)
    monkeypatch.setattr(folds.FoldsResult, "of", lambda *_: folds.FoldsResult((), None, ()))
    monkeypatch.setattr(folds.FoldsResult, "write", lambda *_: None)


@pytest.fixture
def trained(monkeypatch):
    """Return a list that grows by (folder's name, resumed) with every training."""
    calls = []

    def train(cohort, output, *arguments, **options):
        calls.append((output.name, options["resume"]))
        return real(cohort, output, *arguments, **options)

    real = folds.train
    monkeypatch.setattr(folds, "train", train)
    return calls


def test_every_patient_is_held_out_once_and_in_one_role(result, cohort):
    held_out = [case.patient for fold in result.folds for case in fold.cases]
    assert sorted(held_out) == sorted(cohort.patients())
    for fold in result.folds:
        roles = load_model(fold.model).spec.training["patients"]
        assert set(roles["test"]) == {case.patient for case in fold.cases}
        together = [patient for patients in roles.values() for patient in patients]
        assert sorted(together) == sorted(cohort.patients())
        assert roles["train"]


def test_pooled_counts_are_the_sum_of_the_folds(result, output):
    written = json.loads((output / "folds.json").read_text())
    total = sum(np.array(fold["confusion"]) for fold in written["folds"])
    assert total.sum() > 0
    assert written["out_of_fold"]["confusion"] == total.tolist()
    assert written["out_of_fold"]["mean_iou"] == result.scores.confusion.mean_iou
    scores = json.loads((output / "scores.json").read_text())
    assert scores["confusion"] == total.tolist()
    assert scores["intervals"] == written["out_of_fold"]["intervals"]
    assert (output / "report.html").is_file()


def test_table_says_who_was_held_out_where(result, output):
    with (output / "folds.csv").open(newline="") as file:
        rows = {(row["slide"], row["patient"], int(row["fold"])) for row in csv.DictReader(file)}
    expected = {(c.name, c.patient, fold.number) for fold in result.folds for c in fold.cases}
    assert rows == expected
    for fold in result.folds:
        mapped = {path.name for path in (fold.model.parent / "maps").glob("*.ome.tif")}
        assert mapped == {f"{case.name}.ome.tif" for case in fold.cases}


def test_the_folder_is_an_ensemble(result, output):
    runtime, models = open_models(output, "cpu", 1)
    assert len(models) == 2
    assert runtime.opinions == 2


def test_finished_folds_are_kept(result, output, cohort, trained):
    before = {path: path.stat().st_mtime_ns for path in output.glob("fold-*/m*/*.ome.tif")}
    again = cross_validate(cohort, output, 2, SETTINGS, resume=True)
    assert trained == []
    assert again.to_dict() == result.to_dict()
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.usefixtures("no_maps")
def test_resume_goes_on_with_the_fold_that_was_stopped(cohort, tmp_path, trained, monkeypatch):
    counted = folds.train

    def stop_at_the_second(cohort, output, *arguments, **options):
        if output.name == "fold-2":
            raise KeyboardInterrupt
        return counted(cohort, output, *arguments, **options)

    monkeypatch.setattr(folds, "train", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(cohort, tmp_path, 2, SETTINGS)
    with pytest.raises(InputError, match=r"fold-2: this fold has no model.safetensors yet"):
        open_models(tmp_path, "cpu", 1)
    first = (tmp_path / "fold-1" / "model.safetensors").read_bytes()
    monkeypatch.setattr(folds, "train", counted)
    cross_validate(cohort, tmp_path, 2, SETTINGS, resume=True)
    assert trained == [("fold-1", False), ("fold-2", False)]
    assert (tmp_path / "fold-1" / "model.safetensors").read_bytes() == first
    longer = SETTINGS.model_copy(update={"steps": 2})
    cross_validate(cohort, tmp_path, 2, longer, resume=True)
    assert trained[2:] == [("fold-1", True), ("fold-2", True)]


def test_resume_with_other_folds_would_leak(result, output, cohort):
    with pytest.raises(InputError, match=r"not the folds that these slides, outlines"):
        cross_validate(cohort, output, 3, SETTINGS, resume=True)
    fewer = replace(cohort, cases=cohort.cases[:2])
    with pytest.raises(InputError, match=r"not the folds"):
        cross_validate(fewer, output, 2, SETTINGS, resume=True)


@pytest.mark.usefixtures("no_maps")
def test_starting_anew_leaves_no_fold_of_before(cohort, tmp_path, monkeypatch):
    monkeypatch.setattr(folds, "train", lambda *_, **__: folds.FoldsResult((), None, ()))
    cross_validate(cohort, tmp_path, 3, SETTINGS)
    (tmp_path / "fold-notes").mkdir()
    with pytest.raises(InputError, match="--resume, start anew with --overwrite"):
        cross_validate(cohort, tmp_path, 2, SETTINGS)
    cross_validate(cohort, tmp_path, 2, SETTINGS, overwrite=True)
    assert {path.name for path in tmp_path.iterdir()} == {
        "fold-1",
        "fold-2",
        "fold-notes",
        "folds.csv",
    }


def test_folds_go_only_for_a_training_that_can_begin(result, output, cohort):
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    wrong = SETTINGS.model_copy(update={"architecture": "unett"})
    with pytest.raises(InputError, match="unett"):
        cross_validate(cohort, output, 2, wrong, overwrite=True)
    with pytest.raises(InputError, match="give one"):
        cross_validate(cohort, output, 2, SETTINGS, overwrite=True, resume=True)
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before


def test_a_folder_that_is_no_fold_is_no_model(result, output):
    (output / "fold-notes").mkdir()
    try:
        assert len(model_files(output)) == len(result.folds)
    finally:
        (output / "fold-notes").rmdir()


@pytest.mark.usefixtures("no_maps")
def test_a_model_to_start_from_that_knows_the_patients_is_told(
    result, cohort, tmp_path, monkeypatch
):
    inits, notes = [], []

    def train(*_, init, **__):
        inits.append(init)
        return folds.FoldsResult((), None, ())

    monkeypatch.setattr(folds, "train", train)
    monkeypatch.setattr(folds.FoldsResult, "of", lambda *given: notes.extend(given[-1]) or result)
    cross_validate(cohort, tmp_path, 2, SETTINGS, init=result.models[0])
    assert inits == [result.models[0]] * 2
    learned = load_model(result.models[0]).spec.training["patients"]
    (told,) = [note for note in notes if "too good to be true" in note]
    assert all(patient in told for patient in learned["train"])
    assert not any(patient in told for patient in learned["test"])


@pytest.mark.usefixtures("no_maps")
def test_a_slide_that_cannot_be_read_is_left_out_and_told_once(cohort, tmp_path, monkeypatch):
    broken = replace(cohort.cases[0], slide=tmp_path / "broken.svs", patient="broken")
    broken.slide.write_text("nothing")
    seen, notes = [], []

    def train(cohort, *_, **__):
        seen.extend(case.name for case in cohort.cases)
        return folds.FoldsResult((), None, ("of the cohort", "of the fold"))

    def pool(*given):
        notes.extend(given[-1])
        return folds.FoldsResult((), None, ())

    monkeypatch.setattr(folds, "train", train)
    monkeypatch.setattr(folds.FoldsResult, "of", pool)
    whole = replace(cohort, cases=(broken, *cohort.cases), notes=("of the cohort",))
    cross_validate(whole, tmp_path / "run", 2, SETTINGS)
    assert "broken" not in seen
    assert sum("left out" in note and "broken.svs" in note for note in notes) == 1
    assert [note for note in notes if "of the" in note and "left" not in note] == [
        "of the cohort",
        "fold 1: of the fold",
        "fold 2: of the fold",
    ]


@pytest.mark.usefixtures("no_maps")
def test_test_patients_take_no_part(cohort, tmp_path, monkeypatch):
    seen = []

    def train(cohort, *_, **__):
        seen.append(cohort)
        return folds.FoldsResult((), None, ())

    monkeypatch.setattr(folds, "train", train)
    first, *others = cohort.cases
    given = (replace(first, split="test"), *(replace(case, split="train") for case in others))
    cross_validate(Cohort(cohort.source, given), tmp_path, 2, SETTINGS)
    assert {case.name for one in seen for case in one.cases} == {case.name for case in others}
    assert [sorted(case.split for case in one.cases) for one in seen] == [["", "test"]] * 2


def test_what_cannot_be_cross_validated(cohort, tmp_path):
    with pytest.raises(InputError, match="nothing to resume"):
        cross_validate(cohort, tmp_path, 2, SETTINGS, resume=True)
    with pytest.raises(InputError, match="only 3 patients"):
        cross_validate(cohort, tmp_path, 4, SETTINGS)
    several = SETTINGS.model_copy(update={"devices": 2})
    with pytest.raises(InputError, match="one device"):
        cross_validate(cohort, tmp_path, 2, several)
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(InputError, match="holds the run of a single model"):
        cross_validate(cohort, tmp_path, 2, SETTINGS, overwrite=True)
