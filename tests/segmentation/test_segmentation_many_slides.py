"""What is written of a run: ``run.json``, ``failures.csv``, and both of a part of the work."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from segmentation_fakes import FakeRuntime, by_position, model

from carcinomap.errors import CarcinomapError
from carcinomap.segmentation import SegmentationSettings, segment_slide, segment_slides
from carcinomap.segmentation.asked import Asked, SlideList
from carcinomap.segmentation.many_slides import _segment_all
from carcinomap.segmentation.models import CannotBeginError, ModelFiles, Opened
from carcinomap.segmentation.tasks import Order
from carcinomap.slide import find_slides, quickhash
from carcinomap.work import Shard

SETTINGS = SegmentationSettings(tile=512, overlap=64)


def order(output, executor=None):
    return Order(executor or Opened(FakeRuntime(by_position, mpp=4.0), [model()]), output, SETTINGS)


def segmented(slides, output, shard=None, executor=None):
    asked = SlideList(tuple(map(Asked, slides)))
    return _segment_all(asked, order(output, executor), [model()], {"device": "cpu"}, shard)


def failures(path):
    with path.open(encoding="utf-8", newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


@pytest.fixture
def slides(made_slides, tmp_path):
    """Return two slides and, between them, a file that is none."""
    broken = tmp_path / "slides" / "=broken.svs"
    broken.parent.mkdir()
    broken.write_text("no slide")
    first, second = find_slides(made_slides)[:2]
    return [first, broken, second]


def test_a_slide_whose_name_is_no_utf_8(made_slides, tmp_path):
    odd = tmp_path / "a\udcff.svs"
    odd.symlink_to(find_slides(made_slides)[0])
    output = tmp_path / "maps"
    for status in ("done", "was there"):
        result = segmented([odd], output)
        assert (result.failures, result.notes) == ((), ())
        (one,) = json.loads((output / "run.json").read_bytes())["slides"]
        assert (one["name"], one["status"]) == ("a\udcff", status)
    for name in ("summary.csv", "index.html"):
        assert "a?" in (output / name).read_text(encoding="utf-8")


def test_a_map_that_is_gone_is_made_again(slides, tmp_path):
    segmented(slides[:1], tmp_path)
    before = (tmp_path / "slide-01.ome.tif").read_bytes()
    (tmp_path / "slide-01.ome.tif").unlink()
    assert [one.skipped for one in segmented(slides[:1], tmp_path).done] == [False]
    assert (tmp_path / "slide-01.ome.tif").read_bytes() == before
    assert [one.skipped for one in segmented(slides[:1], tmp_path).done] == [True]


def test_a_slide_without_tissue_is_told(slides, tmp_path):
    glass = tmp_path / "glass.png"
    Image.new("RGB", (600, 400), (245, 245, 245)).save(glass)
    asked = SlideList((Asked(glass, 1.0), Asked(slides[0])))
    result = _segment_all(asked, order(tmp_path / "maps"), [model()], {})
    assert result.bare == ("glass",)
    with (tmp_path / "maps" / "summary.csv").open(encoding="utf-8", newline="") as file:
        told = {row["name"]: (row["status"], row["message"]) for row in csv.DictReader(file)}
    assert told["slide-01"] == ("done", "")
    assert told["glass"] == ("done", "no tissue was found, so nothing is mapped")
    assert (tmp_path / "maps" / "index.html").read_text().count("No tissue was found") == 1


def test_no_secrets_are_recorded(slides, tmp_path, monkeypatch):
    model_at = "https://me:secret@host/m.safetensors?Signature=secret"
    monkeypatch.setattr("sys.argv", ["carcinomap", "segment", "a b.svs", "--model", model_at])
    segmented(slides, tmp_path)
    command = json.loads((tmp_path / "run.json").read_text())["command"]
    assert command == "carcinomap segment 'a b.svs' --model https://host/m.safetensors"


def test_the_record_is_enough_to_repeat_the_run(slides, tmp_path):
    output = tmp_path / "maps"
    result = segmented(slides, output)
    assert [one.name for one in result.done] == ["slide-01", "slide-02"]
    assert [path for path, _ in result.failures] == [slides[1]]
    record = json.loads((output / "run.json").read_text())
    assert record["settings"]["tile"] == 512
    assert record["options"] == {"device": "cpu", "shard": None, "backend": None}
    assert record["model"]["sha256"] == model().fingerprint
    assert record["packages"]["numpy"] == np.__version__
    assert record["counts"] == {"done": 2, "failed": 1}
    first, broken, _ = record["slides"]
    assert (first["name"], first["status"], first["attempts"]) == ("slide-01", "done", 1)
    assert first["slide"] == str(slides[0])
    assert first["quickhash"] == quickhash(slides[0]) is not None
    assert first["seconds"] > 0
    assert (broken["status"], broken["quickhash"]) == ("failed", None)
    assert "not a slide" in broken["reason"]
    (row,) = failures(output / "failures.csv").values()
    assert row["name"] == "'=broken"  # no spreadsheet computes it
    assert (row["slide"], row["reason"]) == (str(slides[1]), " ".join(broken["reason"].split()))


def test_the_same_again_does_what_is_missing_and_forgets_nothing(slides, tmp_path):
    output = tmp_path / "maps"
    segmented(slides, output)
    before = json.loads((output / "run.json").read_text())["slides"]
    slides[1].write_bytes(slides[0].read_bytes())
    result = segmented(slides, output)
    assert [one.skipped for one in result.done] == [True, False, True]
    assert not (output / "failures.csv").exists()
    after = json.loads((output / "run.json").read_text())["slides"]
    assert [one["status"] for one in after] == ["was there", "done", "was there"]
    assert after[0]["seconds"] == before[0]["seconds"]
    assert after[0]["quickhash"] == before[0]["quickhash"]


def test_a_run_that_is_stopped_forgets_no_failure(slides, tmp_path, monkeypatch):
    output = tmp_path / "maps"
    segmented(slides, output)
    before = json.loads((output / "run.json").read_text())["slides"][2]
    told = failures(output / "failures.csv")

    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("carcinomap.segmentation.tasks.segment_slide", stopped)
        with pytest.raises(KeyboardInterrupt):
            segmented(slides, output)
    assert failures(output / "failures.csv") == told
    table = (output / "summary.csv").read_text()
    assert "'=broken" in table
    assert ",failed," in table
    after = json.loads((output / "run.json").read_text())["slides"][2]
    assert after == {**before, "status": "not done"}
    segmented(slides[:1], output)
    assert not (output / "failures.csv").exists()  # nobody asks for that slide any more


def test_a_slide_that_another_process_maps_meanwhile_did_not_fail(slides, tmp_path, monkeypatch):
    def busy(slide, runtime, models, folder, *rest):
        segment_slide(slide, runtime, models, folder, *rest)  # as another process does
        raise CarcinomapError("being written by process 7")

    monkeypatch.setattr("carcinomap.segmentation.tasks.segment_slide", busy)
    segmented(slides[:1], tmp_path)
    assert not (tmp_path / "failures.csv").exists()
    assert ",failed," not in (tmp_path / "summary.csv").read_text()
    assert json.loads((tmp_path / "run.json").read_text())["counts"] == {"was there": 1}


def test_parts_of_the_work_share_a_folder(slides, tmp_path):
    output = tmp_path / "maps"
    for number in (1, 2):
        segmented(slides, output, Shard(number, 2))
    assert not (output / "failures-1-of-2.csv").exists()
    assert list(failures(output / "failures-2-of-2.csv")) == ["'=broken"]
    counts = [
        json.loads((output / f"run-{number}-of-2.json").read_text())["counts"] for number in (1, 2)
    ]
    assert counts == [{"done": 2}, {"failed": 1}]
    # Whichever part ends last, the table knows what failed in the others, until it is mapped.
    segmented(slides, output, Shard(1, 2))
    assert failures(output / "summary.csv")["'=broken"]["status"] == "failed"
    slides[1].write_bytes(slides[0].read_bytes())
    segment_slides(slides, FakeRuntime(by_position, mpp=4.0), model(), output, SETTINGS)
    newer = (output / "failures-2-of-2.csv").stat().st_mtime + 10
    os.utime(output / "=broken.json", (newer, newer))
    segmented(slides, output, Shard(1, 2))
    assert failures(output / "summary.csv")["'=broken"]["status"] == "done"


def test_files_of_others_stay(slides, tmp_path):
    for name in ("run.json", "failures.csv"):
        (tmp_path / name).write_text("mine")
    result = segmented(slides, tmp_path)
    assert [note.split(":")[0] for note in result.notes] == [
        str(tmp_path / "run.json"),
        str(tmp_path / "failures.csv"),
    ]
    assert (tmp_path / "run.json").read_text() == "mine"


def test_what_stops_every_slide_is_told_once(slides, tmp_path):
    class Nothing:
        opened = 0
        files = ()

        def open(self):
            self.opened += 1
            raise CannotBeginError("no such device")

    executor = Nothing()
    with pytest.raises(CannotBeginError, match="no such device"):
        segmented(slides, tmp_path / "maps", executor=executor)
    assert executor.opened == 1
    assert not (tmp_path / "maps").exists()  # nor is a record there written over


def test_ctrl_c_leaves_a_record(slides, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    output = tmp_path / "maps"
    segmented(slides[:1], output)
    monkeypatch.setattr("carcinomap.segmentation.one_slide.map_slide", interrupted)
    with pytest.raises(KeyboardInterrupt):
        segmented([slides[0], slides[2]], output)
    record = json.loads((output / "run.json").read_text())
    assert [one["status"] for one in record["slides"]] == ["was there", "not done"]


def test_addresses_are_no_files_of_a_machine(tmp_path):
    """A cluster looks for the files on every machine."""
    files = ModelFiles((Path("s3://models/first.safetensors"), tmp_path / "second"), "cpu", 1)
    order = Order(files, tmp_path, SETTINGS, Path("https://lab.org/roi.geojson"))
    assert order.files(Asked(tmp_path / "a.svs")) == (tmp_path / "a.svs", tmp_path / "second")
