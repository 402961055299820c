"""Folders of image and label tiles as cohorts, carcinomap's own and others."""

import csv
from pathlib import Path

import numpy as np
import pytest
from cohort_files import write_pair
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import (
    Cohort,
    PatchKey,
    PatchSource,
    TileSettings,
    check_cohort,
    read_cohort,
    write_tiles,
)
from carcinomap.cohort.patches.table import read_table
from carcinomap.errors import InputError
from carcinomap.slide import View
from carcinomap.training import TrainingSettings, train
from carcinomap.training.data import prepare
from carcinomap.training.dataset import PatchDataset

TINY = {
    "architecture": "unet",
    "patch": 64,
    "batch": 2,
    "validation_patches": 4,
    "pretrained": False,
    "workers": 0,
}
CLASSES = """
classes:
  - {name: rest, color: "#b3b3b3"}
  - {name: tumour, color: "#d55e00"}
ignore: [unsure]
values: {0: rest, 1: tumour, 255: unsure}
"""


@pytest.fixture(scope="module")
def dataset(made_slides: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiles of the generated slides, without loss; not to be written to."""
    folder = tmp_path_factory.mktemp("tiles") / "dataset"
    write_tiles(read_cohort(made_slides), folder, TileSettings(size=500, mpp=0.5, format="png"))
    return folder


def write_foreign(folder: Path, names: str = "ab", label: np.ndarray | None = None) -> Path:
    """Write a data set as another program might: images, labels of equal names, nothing else."""
    random = np.random.default_rng(0)
    for name in names:
        image = np.clip(random.normal((190, 100, 160), 9, (320, 300, 3)), 0, 255)
        truth = np.zeros((320, 300), np.uint8) if label is None else label
        truth[40:200, 40:200] = 1
        for part, pixels in (("feature", image.astype(np.uint8)), ("label", truth)):
            path = folder / f"train_{part}" / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return folder


def table(folder: Path, *lines: str, header: str = "image,label,patient,split,mpp") -> Path:
    path = folder / "tiles.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return folder


def line(name: str = "a", mpp: str = "1", split: str = "") -> str:
    return f"train_feature/{name}.png,train_label/{name}.png,p-{name},{split},{mpp}"


def patches(cohort: Cohort, scheme: ClassScheme, case: int, points: list[tuple[float, float]]):
    found = cohort.cases[case]
    source = PatchSource.of(case, found, scheme)
    data = PatchDataset(cohort.cases, [source], scheme, [View(0.5, 96)], True)
    return [data[PatchKey(case, x, y)] for x, y in points]


def test_patches_from_the_folder_are_those_from_the_slides(
    made_slides: Path, dataset: Path
) -> None:
    slides, tiles = read_cohort(made_slides), read_cohort(dataset)
    assert tiles.scheme is not None
    assert tiles.patients() == slides.patients()
    with (dataset / "tiles.csv").open(encoding="utf-8", newline="") as file:
        rows = {Path(row["image"]).stem: row for row in csv.DictReader(file)}
    labels, compared = set(), 0
    for index, case in enumerate(tiles.cases):
        row = rows[case.name]
        number, slide = next(
            (n, c) for n, c in enumerate(slides.cases) if c.slide.name == row["slide"]
        )
        with slide.open_slide() as opened:
            scale = 0.5 / opened.mpp
        points = [(x, y) for x in (60.0, 180.0) for y in (60.0, 150.0)]
        there = [(float(row["x"]) + x * scale, float(row["y"]) + y * scale) for x, y in points]
        for (left,), right in zip(
            (image for image, _ in patches(slides, ClassScheme.default(), number, there)),
            patches(tiles, tiles.scheme, index, points),
            strict=True,
        ):
            assert np.array_equal(left, right[0][0])
            compared += 1
        drawn = slide.read_annotations().label_image(
            float(row["x"]), float(row["y"]), 200, 200, scale, ClassScheme.default()
        )
        again = case.read_annotations().label_image(0, 0, 200, 200, 1.0, tiles.scheme)
        assert np.array_equal(drawn, again)
        labels |= set(np.unique(again))
    assert compared > 20
    assert len(labels) >= 3


def test_a_network_learns_from_the_folder(dataset: Path, tmp_path: Path) -> None:
    cohort = read_cohort(dataset)
    data = prepare(cohort, cohort.scheme, TrainingSettings(**TINY))
    assert {data.cases[source.case].patient for source in data.validation} < set(cohort.patients())
    assert not [note for note in data.notes if note.startswith("left out")]
    run = TrainingSettings(**TINY, steps=2, validate_every=1)
    assert train(cohort, tmp_path / "run", run, cohort.scheme).steps == 2


def test_a_written_folder_is_safe_to_train_on(dataset: Path) -> None:
    report = check_cohort(dataset)
    assert not [one.message for one in report.findings if one.severity == "error"]
    assert report.slides == report.annotated


def test_splits_and_patients_come_from_the_table(tmp_path: Path) -> None:
    write_foreign(tmp_path)
    (tmp_path / "classes.yaml").write_text(CLASSES)
    cohort = read_cohort(table(tmp_path, line("a", split="val"), line("b", "0.5", "Train")))
    assert [(case.patient, case.split, case.mpp) for case in cohort.cases] == [
        *(("p-a", "val", 1.0), ("p-b", "train", 0.5))
    ]
    data = prepare(cohort, cohort.scheme, TrainingSettings(**TINY))
    assert [data.cases[source.case].name for source in data.validation] == ["a"]


def test_a_table_saved_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    write_foreign(tmp_path)
    lines = [line(name).replace(",", ";") for name in "ab"]
    table(tmp_path, *lines, header="\ufeffimage;label;patient;split;mpp")
    assert [case.mpp for case in read_cohort(tmp_path).cases] == [1.0, 1.0]


def test_a_folder_from_elsewhere_needs_no_table_of_tiles(tmp_path: Path) -> None:
    write_foreign(tmp_path)
    (tmp_path / "classes.yaml").write_text(CLASSES)
    cohort = read_cohort(tmp_path)
    assert [case.patient for case in cohort.cases] == ["a", "b"]
    assert [case.annotation.parent.name for case in cohort.cases] == ["train_label"] * 2
    assert any("no table tells patients" in note for note in cohort.notes)
    with pytest.raises(InputError, match="column 'mpp'"):
        prepare(cohort, cohort.scheme, TrainingSettings(**TINY))
    (tmp_path / "cohort.csv").write_text("slide,mpp\na,1\nb,1\n")
    assert any("no table tells patients" in note for note in read_cohort(tmp_path).notes)
    (tmp_path / "cohort.csv").write_text("slide,mpp,patient\na,1,x\nb,1,y\n")
    cohort = read_cohort(tmp_path)
    assert not cohort.notes
    data = prepare(cohort, cohort.scheme, TrainingSettings(**TINY))
    assert len(data.training) == len(data.validation) == 1


def test_an_image_without_label_is_told(tmp_path: Path) -> None:
    write_foreign(tmp_path)
    (tmp_path / "train_label" / "b.png").unlink()
    cohort = read_cohort(tmp_path)
    assert [case.annotation is None for case in cohort.cases] == [False, True]
    assert any("no annotation" in note for note in cohort.notes)
    with pytest.raises(InputError, match=r"line 3: no such label: .*b\.png"):
        read_cohort(table(tmp_path, line("a"), line("b")))


def test_a_label_of_another_size_is_left_out(tmp_path: Path) -> None:
    write_foreign(tmp_path, "a")
    write_foreign(tmp_path, "b", np.zeros((210, 300), np.uint8))
    (tmp_path / "classes.yaml").write_text(CLASSES)
    cohort = read_cohort(table(tmp_path, line("a"), line("b")))
    notes = prepare(cohort, cohort.scheme, TrainingSettings(**TINY)).notes
    assert any("of another shape than the slide's" in note for note in notes)


@pytest.mark.parametrize(
    ("hostile", "message"),
    [
        ("../secret.png,train_label/a.png,,,1", "outside the folder"),
        ("train_feature/a.png,/etc/passwd,,,1", "outside the folder"),
        ("train_feature/../../a.png,train_label/a.png,,,1", "outside the folder"),
        (",train_label/a.png,,,1", "name of the image or the label is missing"),
        ("train_feature/a.png,train_label,,,1", "no such label"),
        (f"{'n' * 9000}.png,train_label/a.png,,,1", "no such image"),
        ("train_feature/\0.png,train_label/a.png,,,1", "no such image"),
        (line("a", "nan"), "not a positive number"),
        (line("a", "-inf"), "not a positive number"),
        (line("a", "1e999"), "not a positive number"),
        (line("a", "0"), "not a positive number"),
        (line("a", "9" * 100_000), "not a positive number"),
        (line("a", split="exam"), "is none of train, val, test"),
        (line("a") + ",more", "another number of fields"),
        ("train_feature/a.png", "another number of fields"),
        ('"' + "x" * 200_000 + '",b,,,1', "not a CSV table"),
        ('"never closed', "not a CSV table"),
        ("\n".join([line("a"), line("a")]), "a second image called a"),
        ("", "a table without a line"),
    ],
)
def test_a_hostile_table_is_an_error_for_people(tmp_path: Path, hostile: str, message: str) -> None:
    write_foreign(tmp_path, "a")
    with pytest.raises(InputError, match=message):
        read_cohort(table(tmp_path, hostile))


def test_a_table_without_columns_or_of_another_kind_is_told(tmp_path: Path) -> None:
    write_foreign(tmp_path, "a")
    with pytest.raises(InputError, match="no column named 'image'"):
        read_cohort(table(tmp_path, line("a"), header="picture,label,patient,split,mpp"))
    (tmp_path / "tiles.csv").write_bytes(b"image,label\n\xff\xfe,x\n")
    with pytest.raises(InputError, match="not UTF-8"):
        read_cohort(tmp_path)
    (tmp_path / "tiles.csv").write_bytes(b"")
    with pytest.raises(InputError, match="no column named"):
        read_cohort(tmp_path)
    with (tmp_path / "tiles.csv").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match="too many for a table"):
        read_cohort(tmp_path)


@given(st.text(max_size=300))
@settings(max_examples=150)
def test_no_text_is_more_than_an_input_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_text(f"image,label,mpp\n{text}", encoding="utf-8", errors="replace")
    try:
        rows, _ = read_table(path)
    except InputError:
        return
    for row in rows:
        assert row.image.is_relative_to(path.parent)
        assert ".." not in row.image.parts


def test_slides_beside_a_folder_of_annotations_are_no_tiles(tmp_path: Path) -> None:
    write_pair(tmp_path / "train_feature")
    (tmp_path / "train_label").mkdir()
    (tmp_path / "train_feature" / "a.xml").rename(tmp_path / "train_label" / "a.xml")
    cohort = read_cohort(tmp_path / "train_feature", tmp_path / "train_label")
    assert cohort.cases[0].annotation == tmp_path / "train_label" / "a.xml"
    assert cohort.scheme is None
