import errno
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import ome_types
import pytest
import scipy.ndimage
import shapely
from matplotlib.image import imread
from segmentation_fakes import (
    CLASSES,
    COLOURS,
    FakeRuntime,
    MemorySlide,
    by_colour,
    by_position,
    contents,
    lesions,
    model,
    names,
    painted,
    read_all,
)

from carcinomap.errors import CarcinomapError, InputError
from carcinomap.segmentation import (
    NOT_MAPPED,
    ClassMap,
    SegmentationSettings,
    segment_slide,
    segment_slides,
)
from carcinomap.slide import find_tissue

FILES = ["a.geojson", "a.json", "a.ome.tif", "a.png"]
SETTINGS = SegmentationSettings(tile=256, overlap=64, min_area_um2=100)


@pytest.fixture
def slide() -> MemorySlide:
    return MemorySlide(painted(lesions()), mpp=1.0, name="a.svs")


def test_the_whole_result(tmp_path: Path, slide: MemorySlide) -> None:
    result = segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, SETTINGS)
    assert names(tmp_path) == FILES
    assert not result.skipped

    found, tissue = read_all(result.class_map), find_tissue(slide).window(0, 0, 900, 600, 1.0)
    np.testing.assert_array_equal(found != NOT_MAPPED, tissue)
    annotated = lesions() != NOT_MAPPED
    np.testing.assert_array_equal(found[annotated & tissue], lesions()[annotated & tissue])
    ome_types.from_tiff(result.class_map)

    record = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert record == result.record
    assert list(record) == (
        [
            "slide",
            "content",
            "model",
            "mpp",
            "size",
            "roi",
            "tissue_mm2",
            "classes",
            "settings",
            "version",
            "files",
        ]
    )
    assert set(record["content"].values()) == {None}  # a slide that is no file
    assert record["files"] == {
        suffix: (tmp_path / f"a{suffix}").stat().st_size
        for suffix in (".ome.tif", ".geojson", ".png")
    }
    assert (record["slide"], record["mpp"], record["size"]) == ("a.svs", 1.0, [900, 600])
    assert record["tissue_mm2"] == pytest.approx(tissue.sum() / 1e6)
    for index, name in enumerate(CLASSES.names):
        entry = record["classes"][name]
        assert entry["area_mm2"] == pytest.approx((found == index).sum() / 1e6)
        assert entry["share_of_tissue"] == pytest.approx(
            (found == index).sum() / tissue.sum(), abs=1e-6
        )
    assert [record["classes"][name]["regions"] for name in CLASSES.names] == [None, 1, 0, 1]

    features = json.loads(result.polygons.read_text(encoding="utf-8"))["features"]
    benign, invasive = (shapely.geometry.shape(feature["geometry"]) for feature in features)
    assert benign.equals(shapely.box(550, 200, 700, 350))
    assert len(invasive.interiors) == 1
    assert invasive.area == pytest.approx(np.pi * (150**2 - 60**2), rel=0.01)

    picture = imread(result.overview)
    assert picture.shape[0] == 600
    red = picture[300, 200, :3] * 255  # inside the disc: its colour over the slide
    assert np.abs(red - (0.6 * COLOURS[3] + 0.4 * np.array(CLASSES.colours_rgb[3]))).max() < 2
    assert np.abs(picture[80, 80, :3] * 255 - COLOURS[0]).max() < 2  # class 0 is not coloured


def test_the_same_input_gives_the_same_bytes_whatever_the_threads(
    tmp_path: Path, slide: MemorySlide
) -> None:
    runtime = FakeRuntime(by_position)
    for folder, readers in (("one", 1), ("two", 4)):
        settings = SETTINGS.model_copy(update={"readers": readers})
        segment_slide(slide, runtime, model(), tmp_path / folder, settings)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_outlines_lie_on_the_slide_at_any_mpp(tmp_path: Path) -> None:
    slide = MemorySlide(painted(lesions()), mpp=0.5, name="a.svs")
    slide.properties = {"openslide.bounds-x": "100", "openslide.bounds-y": "40"}
    result = segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, SETTINGS)
    content = json.loads(result.polygons.read_text(encoding="utf-8"))
    assert content["origin"] == [100, 40]
    (benign,) = [
        shapely.geometry.shape(feature["geometry"])
        for feature in content["features"]
        if feature["properties"]["classification"]["name"] == "benign"
    ]
    np.testing.assert_allclose(benign.bounds, (450, 160, 600, 310), atol=2)


def interrupted(*_: Any) -> Any:
    raise KeyboardInterrupt


def test_ctrl_c_leaves_what_is_finished_and_no_thread(tmp_path: Path, slide: MemorySlide) -> None:
    calls = []

    def after_a_few(images: np.ndarray) -> np.ndarray:
        calls.append(1)
        if len(calls) > 9:
            raise KeyboardInterrupt
        return by_colour(images)

    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        segment_slide(slide, FakeRuntime(after_a_few), model(), tmp_path, SETTINGS)
    assert names(tmp_path) == ["a.partial"]
    assert threading.active_count() == threads


@pytest.mark.parametrize(
    "stage",
    [
        "mapping.finishing.trace_block",
        "results.whole.write_class_map",
        "results.whole.join",
        "results.whole.draw_overview",
        "results.outputs.os.replace",
    ],
)
def test_ctrl_c_at_any_stage_leaves_nothing_half(
    tmp_path: Path, slide: MemorySlide, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"carcinomap.segmentation.{stage}", interrupted)
    with pytest.raises(KeyboardInterrupt):
        segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, SETTINGS)
    assert names(tmp_path) == ["a.partial"]
    monkeypatch.undo()
    segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, SETTINGS)
    assert names(tmp_path) == FILES


def test_ctrl_c_while_overwriting_keeps_the_old_result(
    tmp_path: Path, slide: MemorySlide, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, SETTINGS)
    before = contents(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        segment_slide(slide, FakeRuntime(interrupted), model(), tmp_path, SETTINGS, overwrite=True)
    assert contents(tmp_path) == before
    monkeypatch.setattr("carcinomap.segmentation.results.whole.join", interrupted)
    with pytest.raises(KeyboardInterrupt):  # after some work
        segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, SETTINGS, overwrite=True)
    assert names(tmp_path) == sorted([*FILES, "a.partial"])
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told_and_leaves_nothing(
    tmp_path: Path, slide: MemorySlide, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        with Path("/dev/full").open("wb", buffering=0) as device:
            return device.write(b"one byte")

    monkeypatch.setattr("carcinomap.segmentation.unfinished.spool.Spool._write", full)
    with pytest.raises(CarcinomapError, match="disk is full") as told:
        segment_slide(slide, FakeRuntime(by_position), model(), tmp_path / "maps", SETTINGS)
    assert str(tmp_path / "maps") in str(told.value)
    assert told.value.exit_code == 1
    assert names(tmp_path / "maps") == []
    monkeypatch.undo()
    segment_slide(slide, FakeRuntime(by_position), model(), tmp_path / "maps", SETTINGS)
    assert names(tmp_path / "maps") == FILES


def test_other_errors_of_the_disk_are_themselves(
    tmp_path: Path, slide: MemorySlide, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr("carcinomap.segmentation.results.whole.write_geojson", refuse)
    with pytest.raises(PermissionError):
        segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, SETTINGS)
    assert names(tmp_path) == ["a.partial"]


def test_a_slide_too_coarse_for_the_model_is_refused(tmp_path: Path) -> None:
    slide = MemorySlide(painted(lesions()), mpp=1.51, name="a.svs")
    with pytest.raises(InputError, match=r"1\.51 µm .* 1\.5 ×"):
        segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, SETTINGS)
    assert names(tmp_path) == []
    slide.mpp = 1.5
    segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, SETTINGS)


def test_a_slide_of_glass_gives_a_whole_result(tmp_path: Path) -> None:
    slide = MemorySlide(np.full((500, 700, 3), 250, np.uint8), mpp=1.0, name="a.svs")
    result = segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, SETTINGS)
    assert names(tmp_path) == FILES
    assert (read_all(result.class_map) == NOT_MAPPED).all()
    assert result.record["tissue_mm2"] == 0
    assert result.record["classes"]["invasive"] == (
        {"area_mm2": 0, "share_of_tissue": 0, "regions": 0}
    )


def test_the_defaults_are_sensible_and_wrong_ones_refused() -> None:
    with pytest.raises(ValueError, match="half the tile"):
        SegmentationSettings(tile=256, overlap=160)
    assert all(field.description for field in SegmentationSettings.model_fields.values())


def test_one_bad_slide_does_not_stop_the_others(real_data: Path, tmp_path: Path) -> None:
    slides = [
        real_data / "slides" / name
        for name in (
            "broken.svs",
            "unreadable.svs",
            "cmu-1-small-region.svs",
            "camelyon-multiframe.dcm",
            "missing.svs",
        )
    ]
    found = segment_slides(slides, FakeRuntime(by_colour), model(), tmp_path / "maps")
    assert [result.name for result in found.done] == ["cmu-1-small-region"]
    assert [path.name for path, _ in found.failures] == [
        "broken.svs",
        "unreadable.svs",
        "camelyon-multiframe.dcm",
        "missing.svs",
    ]
    for path, error in found.failures:
        assert isinstance(error, InputError)
        assert path.name in str(error)
    assert "coarser" in str(found.failures[2][1])
    suffixes = (".geojson", ".json", ".ome.tif", ".png")
    files = [f"cmu-1-small-region{suffix}" for suffix in suffixes]
    others = ["failures.csv", "index.html", "run.json", "summary.csv"]
    assert sorted(names(tmp_path / "maps")) == sorted([*files, *others])
    with ClassMap.open(found.done[0].class_map) as class_map:
        assert (class_map.width, class_map.height) == (1108, 1481)


def test_two_slides_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two slides"):
        segment_slides(
            [tmp_path / "x" / "a.svs", tmp_path / "a.tif"],
            FakeRuntime(by_colour),
            model(),
            tmp_path,
        )


def test_every_region_is_outlined_where_the_map_has_it(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    fields = [scipy.ndimage.gaussian_filter(random.normal(size=(500, 500)), 12) for _ in range(4)]
    labels = np.argmax(fields, axis=0).astype(np.uint8)
    slide = MemorySlide(painted(labels), mpp=1.0, name="a.svs")
    exact = SegmentationSettings(tile=256, overlap=64, min_area_um2=0, simplify_um=0)
    result = segment_slide(slide, FakeRuntime(by_colour), model(), tmp_path, exact)
    features = json.loads(result.polygons.read_text(encoding="utf-8"))["features"]
    for name, entry in list(result.record["classes"].items())[1:]:
        polygons = [
            shapely.geometry.shape(feature["geometry"])
            for feature in features
            if feature["properties"]["classification"]["name"] == name
        ]
        assert sum(polygon.area for polygon in polygons) == pytest.approx(entry["area_mm2"] * 1e6)
        assert len(polygons) == entry["regions"]
