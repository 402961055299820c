"""Which slides a user means."""

import io
import os

import pytest

from carcinomap.errors import InputError
from carcinomap.segmentation.asked import Asked, SlideList
from carcinomap.storage import as_path


@pytest.fixture
def folder(tmp_path):
    """Return a folder with three files that are called slides."""
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.svs").write_bytes(b"never opened")
    return tmp_path


def test_files_folders_and_patterns(folder):
    found = SlideList.of([folder / "b.svs", str(folder / "*.svs"), folder / "d.svs"])
    assert [one.name for one in found.slides] == ["b", "a", "c"]  # each once
    ((path, error),) = found.missing
    assert path == folder / "d.svs"
    assert "no such slide" in str(error)


def test_a_table_with_its_own_mpp(folder):
    table = folder / "batch.csv"
    table.write_text("slide,mpp,annotation\na,0.5,\ngone.svs,,\nc.svs,,none.xml\nb,x,\n")
    found = SlideList.of(table)
    assert found.slides == (Asked(folder / "a.svs", 0.5), Asked(folder / "c.svs"))
    told = " ".join(str(error) for _, error in found.missing)
    assert "no such slide: gone.svs" in told
    assert "mpp 'x'" in told
    assert "none.xml" not in told  # what is mapped needs no annotation
    assert {one.mpp for one in SlideList.of(table, 0.25).slides} == {0.25}


def test_a_table_that_names_two_slides_alike(folder):
    (folder / "other").mkdir()
    (folder / "other" / "a.svs").touch()
    (folder / "batch.csv").write_text("slide\na.svs\nother/a.svs\n")
    found = SlideList.of(folder / "batch.csv")
    assert len(found.slides) == 1
    assert "second slide of this name" in str(found.missing[0][1])


def test_a_list_on_standard_input(folder, monkeypatch):
    odd = folder / "d\udcff.svs"  # a name that is no UTF-8
    odd.touch()
    listed = f"\ufeff{folder / 'c.svs'}\r\n\n  {folder / '[ab].svs'}\n{odd}\n"
    # As a terminal that takes nothing but UTF-8 has it.
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(os.fsencode(listed)), "utf-8"))
    found = SlideList.of("-")
    assert [one.path for one in found.slides] == [folder / "c.svs", odd]
    assert "no such slide" in str(found.missing[0][1])  # only * and ? make a pattern


def test_what_cannot_be_looked_at_does_not_stop_the_others(folder, other_aws):
    other_aws.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    wrong = ["x" * 300 + ".svs", "s3://nowhere/", "s3://KEY:secret/word@bucket/a.svs"]
    found = SlideList.of([folder / "a.svs", *wrong, folder / "b.svs"])
    assert [one.name for one in found.slides] == ["a", "b"]
    told = [f"{path}: {error}" for path, error in found.missing]
    for text, said in zip(told, ("too long", "cannot be reached", "credentials"), strict=True):
        assert said in text
    assert "secret" not in " ".join(told)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["x/a", "y/a"], r"two slides have this name \(.*x/a.svs, .*y/a.svs\)"),
        (["run"], "rename"),
        (["run-2-of-3"], "rename"),
    ],
)
def test_names_that_results_cannot_have(tmp_path, names, said):
    slides = SlideList(tuple(Asked(tmp_path / f"{name}.svs") for name in names))
    with pytest.raises(InputError, match=said):
        slides.check_names()
    unnamed = as_path("https://slides.example/?id=3")
    with pytest.raises(InputError, match="last part of the address is empty"):
        SlideList((Asked(unnamed),)).check_names()
    SlideList((Asked(tmp_path / "run-2.svs"), Asked(tmp_path / "rerun.svs"))).check_names()
