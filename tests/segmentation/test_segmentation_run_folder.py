import pytest

from carcinomap.errors import InputError
from carcinomap.segmentation.models import RUN_MODEL, open_models


@pytest.fixture(autouse=True)
def opened(monkeypatch):
    """Return a list that grows by every file that is opened as a model."""
    files = []
    monkeypatch.setattr("carcinomap.model.open_model", lambda path: files.append(path) or path)
    monkeypatch.setattr("carcinomap.model.open_runtime", lambda model, *_: model)
    monkeypatch.setattr("carcinomap.model.ensemble.Ensemble", list)
    return files


def folds(run, count, without=()):
    for number in range(1, count + 1):
        (run / f"fold-{number}").mkdir()
        if number not in without:
            (run / f"fold-{number}" / RUN_MODEL).touch()


def test_a_run_is_its_model(tmp_path, opened):
    (tmp_path / RUN_MODEL).touch()
    assert open_models(tmp_path, "cpu", 1) == (tmp_path / RUN_MODEL, [tmp_path / RUN_MODEL])


def test_a_cross_validation_is_the_models_of_its_folds(tmp_path, opened):
    folds(tmp_path, 3)
    other = tmp_path / "other.safetensors"
    runtime, models = open_models([str(tmp_path), other], "cpu", 1)
    assert models == [*(tmp_path / f"fold-{i}" / RUN_MODEL for i in (1, 2, 3)), other]
    assert runtime == models == opened


def test_an_unfinished_fold_is_no_ensemble(tmp_path, opened):
    folds(tmp_path, 3, without={2})
    with pytest.raises(InputError, match=r"fold-2: this fold has no model.safetensors yet"):
        open_models(tmp_path, "cpu", 1)
    assert not opened


def test_a_folder_without_models(tmp_path):
    with pytest.raises(InputError, match="no model in this folder"):
        open_models(tmp_path, "cpu", 1)
