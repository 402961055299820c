"""What stands where a result is to be: the same one, another, a broken one, files of others."""

import json
from pathlib import Path

import pytest
from segmentation_fakes import (
    FakeRuntime,
    MemorySlide,
    by_colour,
    contents,
    lesions,
    model,
    names,
    painted,
)

from carcinomap.errors import InputError
from carcinomap.segmentation import SegmentationSettings, segment_slide

FILES = ["a.geojson", "a.json", "a.ome.tif", "a.png"]
SETTINGS = SegmentationSettings(tile=256, overlap=64, min_area_um2=100)


@pytest.fixture
def slide() -> MemorySlide:
    return MemorySlide(painted(lesions()), mpp=1.0, name="a.svs")


def test_a_finished_result_is_kept_and_another_one_asked_about(
    tmp_path: Path, slide: MemorySlide
) -> None:
    runtime = FakeRuntime(by_colour)
    first = segment_slide(slide, runtime, model(), tmp_path, SETTINGS)
    before, asked = contents(tmp_path), len(runtime.shapes)
    again = segment_slide(
        slide, runtime, model(), tmp_path, SETTINGS.model_copy(update={"readers": 7})
    )
    assert again.skipped
    assert again.record == first.record
    assert len(runtime.shapes) == asked
    other = SETTINGS.model_copy(update={"overlap": 32})
    with pytest.raises(InputError, match=r"differs in its settings.*--overwrite"):
        segment_slide(slide, runtime, model(), tmp_path, other)
    with pytest.raises(InputError, match=r"differs in its model.*--overwrite"):
        segment_slide(slide, runtime, model(seed=2), tmp_path, SETTINGS)
    assert contents(tmp_path) == before
    replaced = segment_slide(slide, runtime, model(), tmp_path, other, overwrite=True)
    assert not replaced.skipped
    assert json.loads((tmp_path / "a.json").read_text())["settings"]["overlap"] == 32


def test_files_of_somebody_else_are_not_overwritten(tmp_path: Path, slide: MemorySlide) -> None:
    (tmp_path / "a.png").write_bytes(b"a label image")
    runtime = FakeRuntime(by_colour)
    with pytest.raises(InputError, match=r"a\.png"):
        segment_slide(slide, runtime, model(), tmp_path, SETTINGS)
    assert (tmp_path / "a.png").read_bytes() == b"a label image"
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(InputError, match=r"a\.json"):
        segment_slide(slide, runtime, model(), tmp_path, SETTINGS)
    assert names(tmp_path) == ["a.json", "a.png"]


def test_what_a_killed_run_left_behind_is_replaced(tmp_path: Path, slide: MemorySlide) -> None:
    (tmp_path / "a.partial").mkdir()
    (tmp_path / "a.partial" / "cells").write_bytes(b"half")
    (tmp_path / "a.ome.tif").write_bytes(b"of somebody else, since there was nothing to publish")
    with pytest.raises(InputError, match=r"a\.ome\.tif: exists and is not part"):
        segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, SETTINGS)
    (tmp_path / "a.partial").mkdir(exist_ok=True)
    (tmp_path / "a.partial" / "publishing").touch()
    segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, SETTINGS)
    assert names(tmp_path) == FILES


def test_no_slide_is_replaced_by_its_own_overview(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    place = tmp_path / "maps" / "a.png"
    place.write_bytes(b"the slide")
    (tmp_path / "a.png").symlink_to(place)
    for path in (place, tmp_path / "a.png"):
        slide = MemorySlide(painted(lesions()), mpp=1.0, name=str(path))
        with pytest.raises(InputError, match="its result would take its place"):
            segment_slide(
                slide, FakeRuntime(by_colour), model(), tmp_path / "maps", SETTINGS, overwrite=True
            )
    assert place.read_bytes() == b"the slide"


@pytest.mark.parametrize("suffix", [".ome.tif", ".geojson", ".png"])
@pytest.mark.parametrize("left", [None, b""])
def test_a_result_that_is_not_whole_is_made_again(
    tmp_path: Path, slide: MemorySlide, suffix: str, left: bytes | None
) -> None:
    segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, SETTINGS)
    before = contents(tmp_path)
    (tmp_path / f"a{suffix}").unlink()
    if left is not None:
        (tmp_path / f"a{suffix}").write_bytes(left)
    again = segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, SETTINGS)
    assert not again.skipped
    assert contents(tmp_path) == before
    assert segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, SETTINGS).skipped


def test_a_record_without_its_files_is_made_again(tmp_path: Path, slide: MemorySlide) -> None:
    segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, SETTINGS)
    before = contents(tmp_path)
    for suffix in (".ome.tif", ".geojson", ".png"):
        (tmp_path / f"a{suffix}").unlink()
    assert not segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, SETTINGS).skipped
    assert contents(tmp_path) == before


def test_files_that_the_record_does_not_name_are_not_replaced(
    tmp_path: Path, slide: MemorySlide
) -> None:
    settings = SETTINGS.model_copy(update={"outlines": False})
    segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, settings)
    (tmp_path / "a.ome.tif").unlink()
    (tmp_path / "a.geojson").write_text("drawn by hand")
    before = contents(tmp_path)
    with pytest.raises(InputError, match=r"a\.geojson: exists and is not part"):
        segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, settings)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("left", ["[" * 200_000, None])
def test_what_is_no_record_is_told(tmp_path: Path, slide: MemorySlide, left: str | None) -> None:
    if left is None:
        (tmp_path / "a.json").mkdir()
    else:
        (tmp_path / "a.json").write_text(left)
    with pytest.raises(InputError, match=r"a\.json: not a record of a segmentation"):
        segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, SETTINGS)


@pytest.mark.parametrize("other", [b"another", b"two"])
def test_another_slide_of_the_same_name_and_size_is_noticed(tmp_path: Path, other: bytes) -> None:
    for folder, content in (("first", b"one"), ("copy", b"one"), ("second", other)):
        path = tmp_path / folder / "a.svs"
        path.parent.mkdir()
        path.write_bytes(content)
    output = tmp_path / "maps"

    def segmented(folder: str) -> bool:
        slide = MemorySlide(painted(lesions()), 1.0, name=str(tmp_path / folder / "a.svs"))
        return segment_slide(slide, FakeRuntime(by_colour), model(), output, SETTINGS).skipped

    assert not segmented("first")
    assert segmented("copy")
    before = contents(output)
    with pytest.raises(InputError, match="differs in its slide's content"):
        segmented("second")
    assert contents(output) == before


def test_a_record_of_an_earlier_version_is_a_record(tmp_path: Path, slide: MemorySlide) -> None:
    segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, SETTINGS)
    record = json.loads((tmp_path / "a.json").read_text())
    del record["content"], record["files"]
    (tmp_path / "a.json").write_text(json.dumps(record))
    assert segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, SETTINGS).skipped
