"""Tiles on the disk: what they show, what they never claim, and how writing them goes on."""

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from cohort_files import MPP, WIDTH, write_outlines, write_pair, write_slide
from PIL import Image

from carcinomap.annotation import IGNORE, ClassScheme, TissueClass
from carcinomap.cohort import Case, Cohort, TileSettings, read_cohort, write_tiles
from carcinomap.cohort.patches import cutting, writing
from carcinomap.errors import InputError
from carcinomap.work.processes import OwnProcesses
from deadly_slides import DeadlyCase

SMALL = TileSettings(size=400, mpp=2 * MPP, format="png", tissue=0.05)
SCHEME = ClassScheme.default()


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "tiles.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode in ("L", "RGB")
        return np.array(image)


def test_tiles_of_generated_slides_show_what_slides_and_outlines_do(
    made_slides: Path, tmp_path: Path
) -> None:
    cohort = read_cohort(made_slides)
    settings = TileSettings(size=500, mpp=0.7, format="png", tissue=0)
    result = write_tiles(cohort, tmp_path / "out", settings, threads=2)
    assert not result.failures
    rows = rows_of(tmp_path / "out")
    assert len(rows) == sum(result.tiles.values()) > len(cohort.cases)
    cases = {case.slide.name: case for case in cohort.cases}
    for row in rows:
        case = cases[row["slide"]]
        assert (row["patient"], float(row["mpp"])) == (case.patient, 0.7)
        image, label = (pixels(tmp_path / "out" / row[name]) for name in ("image", "label"))
        assert image.shape == (500, 500, 3)
        assert label.shape == (500, 500)
        assert label.dtype == np.uint8
        with case.open_slide() as slide:
            scale = 0.7 / slide.mpp
            x, y = float(row["x"]), float(row["y"])
            across, down = (round(float(row[name]) / scale) for name in ("width", "height"))
            seen = slide.read(x, y, across, down, 0.7)
            drawn = case.read_annotations(slide).label_image(x, y, across, down, scale, SCHEME)
        # Half a pixel at the slide's edge may be cut off.
        assert np.array_equal(image[: down - 1, : across - 1], seen[: down - 1, : across - 1])
        assert np.array_equal(label[: down - 1, : across - 1], drawn[: down - 1, : across - 1])


def test_every_place_of_a_slide_is_in_one_tile_and_none_beyond(tmp_path: Path) -> None:
    write_slide(tmp_path / "in" / "a.svs", tissue=(0, 0, WIDTH, 1024))
    everywhere = ("Benign", (-300.0, -300.0, WIDTH + 900.0, 1900.0))
    write_outlines(tmp_path / "in" / "a.xml", everywhere)
    write_tiles(read_cohort(tmp_path / "in"), tmp_path / "out", small(mpp=MPP))
    rows = rows_of(tmp_path / "out")
    assert len(rows) == 4 * 3
    assert sum(float(row["width"]) * float(row["height"]) for row in rows) == WIDTH * 1024
    labels = [pixels(tmp_path / "out" / row["label"]) for row in rows]
    assert sum(np.count_nonzero(label == 1) for label in labels) == WIDTH * 1024
    assert all(set(np.unique(label)) <= {1, IGNORE} for label in labels)
    last = pixels(tmp_path / "out" / rows[-1]["image"])
    assert (last[1024 - 800 :] == 255).all()
    assert not (last[: 1024 - 800, : WIDTH - 1200] == 255).all(axis=2).any()


def small(**changes: object) -> TileSettings:
    return TileSettings(**{**SMALL.model_dump(), **changes})


def test_a_pixel_whose_centre_lies_beyond_the_slide_is_ignored(tmp_path: Path) -> None:
    write_slide(tmp_path / "in" / "a.svs", tissue=(0, 0, WIDTH, 1024))
    write_outlines(tmp_path / "in" / "a.xml", ("Benign", (0.0, 0.0, WIDTH + 50.0, 1100.0)))
    settings = small(size=600, mpp=5 * MPP)  # 307.2 × 204.8 pixels
    write_tiles(read_cohort(tmp_path / "in"), tmp_path / "out", settings)
    (row,) = rows_of(tmp_path / "out")
    label = pixels(tmp_path / "out" / row["label"])
    assert (label[:205, :307] == 1).all()
    assert (label[205:] == IGNORE).all()
    assert (label[:, 307:] == IGNORE).all()
    assert float(row["share_benign"]) == 1


def test_holes_overlaps_and_ignored_regions_are_kept(tmp_path: Path) -> None:
    write_slide(tmp_path / "in" / "a.svs", tissue=(0, 0, 800, 800))
    write_outlines(
        tmp_path / "in" / "a.xml",
        ("Benign", (100, 100, 700, 700)),
        ("Benign", (200, 200, 300, 300)),
        ("Invasive carcinoma", (500, 500, 800, 800)),
        ("unsure", (0, 0, 50, 50)),
        negative=frozenset([1]),
    )
    write_tiles(read_cohort(tmp_path / "in"), tmp_path / "out", small(size=500))
    row = next(
        row for row in rows_of(tmp_path / "out") if row["image"].endswith("x000000_y000000.png")
    )
    label = pixels(tmp_path / "out" / row["label"])
    assert [label[y // 2, x // 2] for x, y in [(150, 150), (250, 250), (600, 600), (20, 20)]] == [
        *(1, 0, 3, IGNORE)
    ]
    assert float(row["share_invasive"]) == pytest.approx(150 * 150 / 500**2, abs=1e-6)


def test_nothing_is_known_outside_regions_of_interest(tmp_path: Path) -> None:
    write_slide(tmp_path / "in" / "a.svs", tissue=(0, 0, WIDTH, 1024))
    write_outlines(
        tmp_path / "in" / "a.xml", ("roi", (0, 0, 300, 300)), ("Benign", (100, 100, 200, 200))
    )
    write_tiles(read_cohort(tmp_path / "in"), tmp_path / "out", small(mpp=MPP))
    (row,) = rows_of(tmp_path / "out")
    label = pixels(tmp_path / "out" / row["label"])
    assert np.count_nonzero(label != IGNORE) == 300 * 300
    assert np.count_nonzero(label == 1) == 100 * 100


def test_glass_is_left_out_unless_something_is_outlined_on_it(tmp_path: Path) -> None:
    write_slide(tmp_path / "in" / "a.svs")
    write_outlines(tmp_path / "in" / "a.xml", ("Benign", (10, 10, 40, 40)))
    cohort = read_cohort(tmp_path / "in")
    write_tiles(cohort, tmp_path / "out", small(size=256, mpp=MPP))
    tissue = {row["image"][-20:-4]: float(row["tissue"]) for row in rows_of(tmp_path / "out")}
    assert tissue.pop("_x000000_y000000") < 0.05
    assert 0 < len(tissue) < 24
    assert min(tissue.values()) >= 0.05
    write_tiles(cohort, tmp_path / "all", small(size=256, mpp=MPP, tissue=0))
    assert len(rows_of(tmp_path / "all")) == 24


def test_neighbours_overlap(tmp_path: Path) -> None:
    write_pair(tmp_path / "in")
    settings = small(mpp=MPP, overlap=100, tissue=0)
    write_tiles(read_cohort(tmp_path / "in"), tmp_path / "out", settings)
    rows = rows_of(tmp_path / "out")
    assert sorted({float(row["x"]) for row in rows}) == [0, 300, 600, 900, 1200]
    assert sorted({float(row["y"]) for row in rows}) == [0, 300, 600, 900]
    with pytest.raises(ValueError, match="less than --size"):
        TileSettings(size=64, overlap=64)


def test_jpeg_is_near_and_better_with_quality(tmp_path: Path) -> None:
    write_pair(tmp_path / "in")
    cohort = read_cohort(tmp_path / "in")
    write_tiles(cohort, tmp_path / "png", SMALL)
    exact = [pixels(tmp_path / "png" / row["image"]) for row in rows_of(tmp_path / "png")]
    errors = []
    for quality in (40, 95):
        folder = tmp_path / f"{quality}"
        write_tiles(cohort, folder, small(format="jpeg", quality=quality))
        near = [pixels(folder / row["image"]).astype(int) for row in rows_of(folder)]
        errors.append(np.mean([np.abs(a - b).mean() for a, b in zip(near, exact, strict=True)]))
    assert errors[1] < errors[0] < 10
    assert errors[1] < 2


def test_classes_and_palette_name_every_value(tmp_path: Path) -> None:
    write_pair(tmp_path / "in")
    classes = (TissueClass("rest", "#000000"), TissueClass("ignore", "#010203", ("benign",)))
    scheme = ClassScheme(classes, unknown="background")
    write_tiles(read_cohort(tmp_path / "in"), tmp_path / "out", SMALL, scheme)
    written = ClassScheme.from_yaml(tmp_path / "out" / "classes.yaml")
    assert written.names == ("rest", "ignore")
    assert dict(written.values) == {0: "rest", 1: "ignore", 255: "ignored"}
    assert written.index("ignored") == IGNORE
    with (tmp_path / "out" / "palette.csv").open() as file:
        palette = {row["value"]: row for row in csv.DictReader(file)}
    assert [palette["1"][key] for key in ("name", "red", "green", "blue")] == [
        *("ignore", "1", "2", "3")
    ]
    assert set(palette) == {"0", "1", "255"}


def test_opencv_reads_labels_as_they_are(tmp_path: Path) -> None:
    write_pair(tmp_path / "in")
    write_tiles(read_cohort(tmp_path / "in"), tmp_path / "out", SMALL)
    for row in rows_of(tmp_path / "out"):
        path = tmp_path / "out" / row["label"]
        assert np.array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), pixels(path))


def test_what_is_finished_is_kept_and_the_rest_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pair(tmp_path / "in")
    cohort = read_cohort(tmp_path / "in")
    write_tiles(cohort, tmp_path / "whole", SMALL)
    cut = cutting.Cutter.cut
    calls: list[str] = []

    def counted(cutter: cutting.Cutter, place: object) -> object:
        calls.append(cutter.name(place))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return cut(cutter, place)

    monkeypatch.setattr(cutting.Cutter, "cut", counted)
    with pytest.raises(KeyboardInterrupt):
        write_tiles(cohort, tmp_path / "out", SMALL, threads=1)
    assert not (tmp_path / "out" / "tiles.csv").exists()
    with pytest.raises(InputError, match="unfinished"):
        read_cohort(tmp_path / "out")
    with (tmp_path / "out" / ".tiles" / "a.jsonl").open("a") as journal:
        journal.write('{"name": "a_x000')  # as if it had been killed in the middle of a line
    write_tiles(cohort, tmp_path / "out", SMALL, threads=1)
    assert (tmp_path / "out" / "tiles.csv").read_bytes() == (
        tmp_path / "whole" / "tiles.csv"
    ).read_bytes()
    names = sorted(file.name for file in (tmp_path / "whole" / "train_feature").iterdir())
    assert sorted(file.name for file in (tmp_path / "out" / "train_feature").iterdir()) == names
    calls.clear()
    write_tiles(cohort, tmp_path / "out", SMALL)
    assert not calls


def test_a_slide_whose_name_is_no_unicode_has_tiles_that_teach(tmp_path: Path) -> None:
    write_pair(tmp_path / "in", "a\udcfc")
    cohort = read_cohort(tmp_path / "in")
    for _ in range(2):  # the second goes by the journal of the first
        made = write_tiles(cohort, tmp_path / "out", SMALL)
        tiles = read_cohort(tmp_path / "out").cases
        assert len(tiles) == sum(made.tiles.values()) > 0
        assert {case.patient for case in tiles} == {"a\udcfc"}
    with tiles[0].open_slide() as slide:
        assert not tiles[0].read_annotations(slide).notes


def test_processes_cut_the_same_and_a_slide_that_kills_its_own_fails_alone(tmp_path: Path) -> None:
    for name in ("c", "a", "d", "b"):
        write_pair(tmp_path / "in", name)
    cohort = read_cohort(tmp_path / "in")
    write_tiles(replace(cohort, cases=(*cohort.cases[:3],)), tmp_path / "here", SMALL)
    (deadly,) = (DeadlyCase.of(case) for case in cohort.cases[3:])
    assert deadly.name == "d"
    cohort = replace(cohort, cases=(deadly, *cohort.cases[:3]))
    several = OwnProcesses(2, retries=0)
    result = write_tiles(cohort, tmp_path / "there", SMALL, threads=1, backend=several)
    assert list(result.tiles) == ["a", "b", "c"]
    ((path, error),) = result.failures
    assert path == deadly.slide
    assert "signal 9" in str(error)
    assert content_of(tmp_path / "there") == content_of(tmp_path / "here")


def content_of(folder: Path) -> dict[str, bytes]:
    """Return the files of a patch data set, but the record of when slides were changed."""
    files = [file for file in folder.rglob("*") if file.is_file() and file.suffix != ".jsonl"]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def test_the_table_has_the_order_of_the_slide_whatever_was_cut_last(tmp_path: Path) -> None:
    write_pair(tmp_path / "in")
    cohort = read_cohort(tmp_path / "in")
    write_tiles(cohort, tmp_path / "out", SMALL)
    whole = content_of(tmp_path / "out")
    next(iter(sorted((tmp_path / "out" / "train_feature").iterdir()))).unlink()
    for _ in range(2):  # cut again, and as it was
        write_tiles(cohort, tmp_path / "out", SMALL)
        assert content_of(tmp_path / "out") == whole


def test_a_lost_tile_or_a_changed_slide_is_cut_again(tmp_path: Path) -> None:
    write_pair(tmp_path / "in")
    write_pair(tmp_path / "in", "b")
    cohort = read_cohort(tmp_path / "in")
    write_tiles(cohort, tmp_path / "out", SMALL)
    before = rows_of(tmp_path / "out")
    lost = tmp_path / "out" / before[0]["label"]
    lost.unlink()
    write_outlines(tmp_path / "in" / "b.xml", ("Benign", (620, 420, 640, 440)))
    write_tiles(cohort, tmp_path / "out", SMALL)
    after = rows_of(tmp_path / "out")
    assert lost.is_file()
    assert [row for row in after if row["slide"] == "a.svs"] == [
        row for row in before if row["slide"] == "a.svs"
    ]
    assert sum(float(row["share_invasive"]) for row in after if row["slide"] == "b.svs") == 0
    images = {file.name for file in (tmp_path / "out" / "train_feature").iterdir()}
    assert images == {Path(row["image"]).name for row in after}


def test_other_settings_and_other_slides_are_refused(tmp_path: Path) -> None:
    write_pair(tmp_path / "in")
    cohort = read_cohort(tmp_path / "in")
    write_tiles(cohort, tmp_path / "out", SMALL)
    other = small(size=300)
    with pytest.raises(InputError, match=r"other settings \(size\).*--overwrite"):
        write_tiles(cohort, tmp_path / "out", other)
    with pytest.raises(InputError, match=r"other settings \(classes\)"):
        write_tiles(cohort, tmp_path / "out", SMALL, SCHEME.with_roi("here"))
    write_pair(tmp_path / "other", "b")
    with pytest.raises(InputError, match="slides that are not asked for"):
        write_tiles(read_cohort(tmp_path / "other"), tmp_path / "out", SMALL)
    write_tiles(read_cohort(tmp_path / "other"), tmp_path / "out", other, overwrite=True)
    assert {row["slide"] for row in rows_of(tmp_path / "out")} == {"b.svs"}
    assert all(file.name[0] == "b" for file in (tmp_path / "out" / "train_label").iterdir())


def test_what_others_wrote_is_not_touched(tmp_path: Path) -> None:
    write_pair(tmp_path / "in")
    cohort = read_cohort(tmp_path / "in")
    theirs = tmp_path / "out" / "train_feature" / "precious.png"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"x")
    with pytest.raises(InputError, match="carcinomap did not write"):
        write_tiles(cohort, tmp_path / "out", SMALL, overwrite=True)
    assert theirs.read_bytes() == b"x"
    with pytest.raises(InputError, match="among the slides"):
        write_tiles(cohort, tmp_path / "in" / "tiles", SMALL)


def test_one_bad_slide_does_not_stop_the_others(tmp_path: Path) -> None:
    write_pair(tmp_path / "in")
    write_pair(tmp_path / "in", "b")
    (tmp_path / "in" / "b.svs").write_bytes(b"no slide")
    write_pair(tmp_path / "in", "c")
    (tmp_path / "in" / "c.xml").write_text("<Annotations><Annotation>")
    write_slide(tmp_path / "in" / "d.svs")
    result = write_tiles(read_cohort(tmp_path / "in"), tmp_path / "out", SMALL)
    assert list(result.tiles) == ["a"]
    assert [path.name for path, _ in result.failures] == ["b.svs", "c.svs"]
    assert any("without annotation" in note for note in result.notes)
    assert {row["slide"] for row in rows_of(tmp_path / "out")} == {"a.svs"}


def test_a_label_in_no_class_is_told_before_anything_is_cut(tmp_path: Path) -> None:
    write_pair(tmp_path / "in")
    write_pair(tmp_path / "in", "b", ("no such label", (620, 420, 800, 600)))
    with pytest.raises(InputError, match=r"'no such label': 1 region in .*b\.xml"):
        write_tiles(read_cohort(tmp_path / "in"), tmp_path / "out", SMALL)
    assert not (tmp_path / "out").exists()


def test_settings_that_led_to_no_tile_bind_nobody(tmp_path: Path) -> None:
    write_pair(tmp_path / "in")
    cohort = read_cohort(tmp_path / "in")
    svs = (tmp_path / "in" / "a.svs").read_bytes()
    (tmp_path / "in" / "a.svs").write_bytes(b"no slide")
    assert write_tiles(cohort, tmp_path / "out", SMALL).failures
    (tmp_path / "in" / "a.svs").write_bytes(svs)
    assert write_tiles(cohort, tmp_path / "out", small(size=300)).tiles["a"] > 0


def test_an_mpp_that_cannot_be_is_no_endless_work(tmp_path: Path) -> None:
    write_pair(tmp_path / "in")
    (case,) = read_cohort(tmp_path / "in").cases
    for mpp, tiles in ((1e4, 2), (0.01, 64)):
        one, settings = replace(case, mpp=mpp), SMALL.model_copy(update={"mpp": tiles})
        result = write_tiles(Cohort(tmp_path / "in", (one,)), tmp_path / "out", settings)
        ((_, error),) = result.failures
        assert "is its mpp of" in str(error)


def test_a_full_disk_stops_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pair(tmp_path / "in")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "cut_slide", full)
    with pytest.raises(OSError, match="No space"):
        write_tiles(read_cohort(tmp_path / "in"), tmp_path / "out", SMALL)


def test_without_an_annotation_there_are_no_labels(tmp_path: Path) -> None:
    slide = write_slide(tmp_path / "in" / "a.svs")
    with pytest.raises(InputError, match="none of the slides has an annotation"):
        write_tiles(Cohort(tmp_path, (Case(slide),)), tmp_path / "out", SMALL)
    assert not (tmp_path / "out").exists()
