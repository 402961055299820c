"""``summary.csv``: what is in it, what is kept of an earlier one, and what it survives."""

import csv
import errno
import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from segmentation_fakes import FakeRuntime, by_position, model

from carcinomap.cohort import read_cohort
from carcinomap.errors import InputError
from carcinomap.segmentation import SegmentationSettings, segment_slides
from carcinomap.segmentation.folder.summary import (
    ClassArea,
    FolderSummary,
    MapSummary,
    Record,
    summarise,
    write_summary,
)
from carcinomap.segmentation.results.classmap import ClassMap
from carcinomap.segmentation.results.planes import Planes
from carcinomap.segmentation.unfinished.spool import NOT_MAPPED
from carcinomap.slide import find_slides

SETTINGS = SegmentationSettings(tile=512, overlap=64, uncertainty=True)


def segmented(slides, folder, **options):
    runtime = FakeRuntime(by_position, mpp=2.0)
    return segment_slides(slides, runtime, model(), folder, SETTINGS, **options)


def rows(folder):
    with (folder / "summary.csv").open(encoding="utf-8", newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def made(made_slides, tmp_path_factory):
    """Return a folder with two maps, of a call that also failed at two slides."""
    folder = tmp_path_factory.mktemp("maps")
    (folder.parent / "text.svs").write_text("no slide")
    slides = [folder.parent / "gone.svs", *find_slides(made_slides)[:2], folder.parent / "text.svs"]
    result = segmented(slides, folder)
    assert [path.name for path, _ in result.failures] == ["gone.svs", "text.svs"]
    assert not result.notes
    return folder


@pytest.fixture
def maps(made, tmp_path):
    """Return a copy of that folder."""
    return shutil.copytree(made, tmp_path / "maps")


def test_a_row_for_each_slide(made):
    table = rows(made)
    assert list(table) == ["gone", "slide-01", "slide-02", "text"]
    for name in ("slide-01", "slide-02"):
        record, row = json.loads((made / f"{name}.json").read_text()), table[name]
        assert float(row["mpp"]) == record["mpp"]
        assert float(row["tissue_mm2"]) == record["tissue_mm2"] > 0
        for label, entry in record["classes"].items():
            assert float(row[f"{label} mm2"]) == entry["area_mm2"]
            assert float(row[f"{label} share"]) == entry["share_of_tissue"]
            expected = "" if entry["regions"] is None else str(entry["regions"])
            assert row[f"{label} regions"] == expected
        assert float(row["seconds"]) > 0
        assert row["model"] == record["model"]["sha256"][:12]
        assert (row["status"], row["message"]) == ("done", "")
    assert table["gone"].pop("message") == f"{made.parent / 'gone.svs'}: no such slide"
    assert {key for key, value in table["gone"].items() if value} == {"name", "status"}
    assert "text.svs" in table["text"]["message"]


def test_the_uncertainty_is_the_mean_of_what_is_mapped(made):
    planes = Planes.open(made / "slide-01.uncertainty.ome.zarr")
    whole = (0, 0, planes.width, planes.height)
    with ClassMap.open(made / "slide-01.ome.tif") as class_map:
        mapped = class_map.window(*whole) != NOT_MAPPED
    assert 0 < mapped.mean() < 1
    expected = np.mean(planes.window(*whole)[0][mapped] / 255)
    found = float(rows(made)["slide-01"]["mean_uncertainty"])
    assert found == pytest.approx(expected, abs=1e-4)
    assert found > 0


def test_a_later_call_keeps_what_was_known(maps, made_slides):
    before = rows(maps)
    shutil.rmtree(maps / "slide-02.uncertainty.ome.zarr")
    record = json.loads((maps / "slide-01.json").read_text())
    record["classes"]["benign"]["area_mm2"] += 0.1  # another map
    (maps / "slide-01.json").write_text(json.dumps(record))
    assert not segmented(find_slides(made_slides)[2:], maps).failures
    after = rows(maps)
    assert list(after) == ["slide-01", "slide-02", "slide-03"]
    assert after["slide-02"] == before["slide-02"]
    assert (after["slide-01"]["seconds"], before["slide-01"]["seconds"] != "") == ("", True)
    assert after["slide-01"]["mean_uncertainty"] == before["slide-01"]["mean_uncertainty"]


def test_a_map_that_does_not_fit_what_is_asked_for(maps, made_slides):
    result = segment_slides(
        find_slides(made_slides)[:1], FakeRuntime(by_position, mpp=1.0), model(), maps
    )
    assert len(result.failures) == 1
    row = rows(maps)["slide-01"]
    assert (row["status"], row["mpp"]) == ("failed", "2.0")
    assert "differs in its mpp" in row["message"]


def test_a_resumed_slide_has_no_time(made_slides, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("carcinomap.segmentation.results.whole.write_class_map", interrupted)
        with pytest.raises(KeyboardInterrupt):
            segmented(find_slides(made_slides)[:1], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.json", "slide-01.partial"]
    segmented(find_slides(made_slides)[:1], tmp_path)
    assert rows(tmp_path)["slide-01"]["seconds"] == ""


def test_what_is_finished_at_ctrl_c_is_summed_up(maps, made_slides, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    (maps / "summary.csv").unlink()
    monkeypatch.setattr("carcinomap.segmentation.tasks.segment_slide", interrupted)
    with pytest.raises(KeyboardInterrupt):
        segmented(find_slides(made_slides), maps)
    assert list(rows(maps)) == ["slide-01", "slide-02"]


def test_a_map_that_another_process_finishes_meanwhile_is_in_the_table(
    maps, made_slides, monkeypatch
):
    def write_late(*arguments):
        write_summary(*arguments)
        if not (maps / "other.json").exists():
            shutil.copy(maps / "slide-01.json", maps / "other.json")

    monkeypatch.setattr("carcinomap.segmentation.folder.summary.write_summary", write_late)
    segmented(find_slides(made_slides)[:1], maps)
    assert list(rows(maps)) == ["other", "slide-01", "slide-02"]
    assert 'data-name="other"' in (maps / "index.html").read_text()


def test_a_full_disk_loses_no_map(maps, made_slides, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("carcinomap.segmentation.folder.summary.write_summary", full)
    monkeypatch.setattr("carcinomap.segmentation.folder.gallery.write_gallery", full)
    before = (maps / "summary.csv").read_bytes()
    result = segmented(find_slides(made_slides), maps)
    assert [one.name for one in result.done] == ["slide-01", "slide-02", "slide-03"]
    assert [note.split(":")[0] for note in result.notes] == [
        str(maps / name) for name in ("summary.csv", "index.html")
    ]
    assert all("No space left" in note for note in result.notes)
    assert (maps / "summary.csv").read_bytes() == before


def test_files_of_others_are_left_alone(maps, made_slides):
    slides = find_slides(made_slides)[:1]
    for name in ("summary.csv", "index.html"):
        (maps / name).write_text("mine")
    result = segmented(slides, maps)
    assert all("left as it is" in note for note in result.notes)
    assert [(maps / name).read_text() for name in ("summary.csv", "index.html")] == ["mine"] * 2
    assert not segmented(slides, maps, overwrite=True).notes
    assert list(rows(maps)) == ["slide-01", "slide-02"]
    assert (maps / "index.html").read_text().startswith("<!DOCTYPE html>")


def test_no_cohort_takes_it_for_its_table(made, made_slides, tmp_path):
    with pytest.raises(InputError, match="no column named 'slide'"):
        read_cohort(made / "summary.csv")
    with pytest.raises(InputError, match="no slides"):
        find_slides(made)
    shutil.copytree(made_slides, tmp_path / "both")
    shutil.copytree(made, tmp_path / "both" / "maps")
    plain, both = (read_cohort(folder) for folder in (made_slides, tmp_path / "both"))
    assert [(c.name, c.patient) for c in both.cases] == [(c.name, c.patient) for c in plain.cases]


@pytest.mark.parametrize(
    "change",
    [
        {"tissue_mm2": float("nan")},
        {"tissue_mm2": -1},
        {"tissue_mm2": 1e300},
        {"mpp": 1e-300},
        {"mpp": "2.0"},
        {"model": None},
        {"classes": {}},
        {"classes": {str(number): {} for number in range(1000)}},
        {"classes": {"normal": {"area_mm2": 1, "share_of_tissue": 2, "regions": 1}}},
        {"classes": {"normal": {"area_mm2": 1, "share_of_tissue": 1, "regions": 1.5}}},
    ],
)
def test_a_damaged_record_is_told(maps, change):
    record = json.loads((maps / "slide-01.json").read_text())
    (maps / "slide-01.json").write_text(json.dumps({**record, **change}))
    found = summarise(maps, [])
    assert [one.name for one in found.maps] == ["slide-02"]
    assert found.problems["slide-01"] == "slide-01.json is damaged"


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000, b'{"slide": 1}', b"3"])
def test_other_files_are_passed_over(maps, content):
    (maps / "other.json").write_bytes(content)
    assert [one.name for one in summarise(maps, []).maps] == ["slide-01", "slide-02"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff",
        b"name\n" + b"x" * 200_000,
        b"name,seconds\nslide-01,7\n",
        b'name,seconds\n"slide-01',
    ],
)
def test_what_another_table_says_is_not_believed(maps, content):
    (maps / "summary.csv").write_bytes(content)
    first, _ = summarise(maps, []).maps
    assert first.seconds is None
    assert first.uncertainty is not None


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "1e400", "=1", "'7"])
def test_a_time_that_is_none_is_forgotten(maps, seconds):
    table = rows(maps)
    table["slide-01"]["seconds"] = seconds
    with (maps / "summary.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(table["slide-01"]))
        writer.writeheader()
        writer.writerows(table.values())
    first, second = summarise(maps, []).maps
    assert first.seconds is None
    assert second.seconds == float(table["slide-02"]["seconds"])


def test_a_damaged_uncertainty_is_none(maps):
    first, second = (maps / f"slide-0{number}.uncertainty.ome.zarr" for number in (1, 2))
    next(path for path in sorted((first / "0" / "0").glob("*/*"))).write_bytes(b"damaged")
    (second / ".zattrs").write_text("{}")
    (maps / "summary.csv").unlink()
    assert [one.uncertainty for one in summarise(maps, []).maps] == [None, None]


LABELS = st.text(min_size=1, max_size=8) | st.sampled_from(
    ["=1+1", "+x", "-x", "@SUM(1)", "\t=1", "\r=1", 'a";=1', "\n=1", "\udcff", "é"]
)


@settings(max_examples=50)
@given(name=LABELS, label=LABELS, problem=LABELS)
def test_a_spreadsheet_computes_nothing(tmp_path_factory, name, label, problem):
    path = tmp_path_factory.getbasetemp() / "inert.csv"
    area = ClassArea(area_mm2=1.5, share_of_tissue=1.0, regions=None)
    model = {"sha256": "=evil"}
    record = Record(model=model, mpp=1.0, tissue_mm2=1.5, classes={label: area})
    write_summary(FolderSummary((MapSummary(name, record),), {f"{name}2": problem}), path)
    with path.open(encoding="utf-8", newline="") as file:
        table = list(csv.reader(file))
    assert len(table) == 3
    assert len({len(row) for row in table}) == 1
    for cell in (cell for row in table for cell in row):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
