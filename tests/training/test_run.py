import errno
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Case, read_cohort
from carcinomap.errors import InputError
from carcinomap.training.checkpoints import WholeFiles
from carcinomap.training.run import Run
from carcinomap.training.settings import TrainingSettings

CLASSES = ClassScheme.default()


def begun(folder, **settings):
    run = Run(folder / "run")
    run.check(TrainingSettings(**settings), CLASSES, None, resume=False, overwrite=False)
    run.begin(TrainingSettings(**settings), CLASSES, None, resume=False, batch=8)
    run.checkpoints.mkdir()
    torch.save({"global_step": 1}, run.last)
    return run


def test_existing_run_is_not_touched(tmp_path):
    run = begun(tmp_path)
    with pytest.raises(InputError, match=r"--resume.*--overwrite"):
        run.check(TrainingSettings(), CLASSES, None, resume=False, overwrite=False)


def test_overwrite_starts_anew(tmp_path):
    run = begun(tmp_path)
    run.check(TrainingSettings(patch=64), CLASSES, None, resume=False, overwrite=True)
    run.begin(TrainingSettings(patch=64), CLASSES, None, resume=False, batch=8)
    assert not run.checkpoints.exists()
    assert "patch: 64" in run.settings.read_text()


def test_what_was_stopped_before_its_first_checkpoint_begins_anew(tmp_path):
    run = begun(tmp_path)
    run.last.unlink()
    run.logs.mkdir()
    with pytest.raises(InputError, match="without --resume begins anew"):
        run.check(TrainingSettings(), CLASSES, None, resume=True, overwrite=False)
    run.check(TrainingSettings(), CLASSES, None, resume=False, overwrite=False)
    run.begin(TrainingSettings(), CLASSES, None, resume=False, batch=8)
    assert not run.logs.exists()


def test_what_is_no_run_is_not_cleared_away(tmp_path):
    mine = tmp_path / "run" / "logs" / "mine.log"
    mine.parent.mkdir(parents=True)
    mine.touch()
    begun(tmp_path)
    assert mine.exists()


def test_a_checkpoint_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    run = begun(tmp_path)
    files = WholeFiles()
    files.save_checkpoint({"global_step": 2}, run.last)
    assert files.load_checkpoint(run.last)["global_step"] == 2

    def full(path, content):
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space") as raised:
        files.save_checkpoint({"global_step": 3}, run.last)
    assert raised.value.filename == str(run.last)
    assert files.load_checkpoint(run.last)["global_step"] == 2
    assert [path.name for path in run.checkpoints.iterdir()] == ["last.ckpt"]


def test_resume_needs_a_checkpoint(tmp_path):
    with pytest.raises(InputError, match="nothing to resume"):
        Run(tmp_path).check(TrainingSettings(), CLASSES, None, resume=True, overwrite=False)


def test_resume_with_other_settings_is_refused_by_name(tmp_path):
    run = begun(tmp_path, steps=10)
    run.check(TrainingSettings(steps=20, workers=0), CLASSES, None, resume=True, overwrite=False)
    with pytest.raises(InputError, match=r"other settings \(mpp, patch\)"):
        run.check(TrainingSettings(patch=64, mpp=2), CLASSES, None, resume=True, overwrite=False)


def test_split_is_a_table_that_is_read_again(tmp_path):
    slides = [tmp_path / "a, b.svs", tmp_path / "c\udcfc.svs"]  # the second is no UTF-8
    for slide in slides:
        slide.touch()
    run = Run(tmp_path)
    cases = [Case(slides[0], None, "P1", "train"), Case(slides[1], None, "P2", "val")]
    run.write_split(cases, {})
    assert list(read_cohort(run.split).cases) == cases
    run.check_split(cases, {})


def test_split_is_read_from_whatever_folder_it_was_written(tmp_path, monkeypatch):
    (tmp_path / "slides").mkdir()
    (tmp_path / "slides" / "a.svs").touch()
    monkeypatch.chdir(tmp_path)
    run = Run(Path("runs/first"))
    run.folder.mkdir(parents=True)
    run.write_split([Case(Path("slides/a.svs"), None, "P1", "train", mpp=0.3)], {})
    (case,) = read_cohort(run.split).cases
    assert (case.slide, case.mpp) == (tmp_path / "slides" / "a.svs", 0.3)


def test_paths_are_those_users_know():
    run = Run(Path("runs/first"))
    assert run.model == Path("runs/first/model.safetensors")
    assert run.last == Path("runs/first/checkpoints/last.ckpt")


def test_damaged_checkpoint_is_told(tmp_path):
    run = begun(tmp_path)
    whole = run.last.read_bytes()
    for path in (run.last, run.best):
        path.write_bytes(whole[:100])
        with pytest.raises(InputError, match=f"{path.name}: damaged"):
            run.check(TrainingSettings(), CLASSES, None, resume=True, overwrite=False)
        path.write_bytes(whole)
    run.check(TrainingSettings(), CLASSES, None, resume=True, overwrite=False)


def test_a_run_goes_on_with_the_same_slides_in_the_same_roles(tmp_path):
    run = begun(tmp_path)
    assert run.batch() == 8
    cases = [
        Case(tmp_path / f"{name}.svs", patient=name, split=split)
        for name, split in (("a", "train"), ("b", "val"))
    ]
    run.write_split(cases, {})
    run.check_split(cases, {})
    run.check_split([replace(case, slide=Path("moved", case.slide.name)) for case in cases], {})
    swapped = [replace(cases[0], split="val"), replace(cases[1], split="train")]
    for others in (swapped, cases[:1], [*cases, replace(cases[0], slide=Path("c.svs"))]):
        with pytest.raises(InputError, match="other slides, patients or splits"):
            run.check_split(others, {})
    for content in ("slide,patient\n", "slide,patient,split\na\n"):
        run.split.write_text(content)
        with pytest.raises(InputError, match=r"other slides|a column is missing"):
            run.check_split(cases, {})
    run.split.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        run.check_split(cases, {})


def test_a_run_goes_on_with_the_same_outlines(tmp_path):
    run = begun(tmp_path)
    cases = [Case(tmp_path / "a.svs", tmp_path / "a.xml", "P1", "train")]
    run.write_split(cases, {"a": "1" * 64})
    run.check_split(cases, {"a": "1" * 64})
    with pytest.raises(InputError, match="other outlines of a"):
        run.check_split(cases, {"a": "2" * 64})
    with pytest.raises(InputError, match="--even-odd-holes"):
        run.check_split([replace(cases[0], even_odd_holes=True)], {"a": "1" * 64})
    run.split.write_text("slide,patient,split\na.svs,P1,train\n")  # of an earlier version
    run.check_split(cases, {"a": "2" * 64})


def test_to_go_on_and_to_start_anew_is_not_possible_at_once(tmp_path):
    run = begun(tmp_path)
    with pytest.raises(InputError, match="give one"):
        run.check(TrainingSettings(), CLASSES, None, resume=True, overwrite=True)


@pytest.mark.parametrize("content", ["a text", "[1, 2]", "1: 2", "{a: [", "\x00"])
def test_settings_that_are_none_are_told(tmp_path, content):
    run = begun(tmp_path)
    run.settings.write_text(content)
    with pytest.raises(InputError, match=r"settings.yaml: cannot be read"):
        run.check(TrainingSettings(), CLASSES, None, resume=True, overwrite=False)
