"""A generated slide as the rest of the house, and other programs, will see it."""

import csv
from pathlib import Path

import cv2
import numpy as np
import openslide
import pytest
import shapely
from defusedxml import ElementTree
from shapely import Polygon

from carcinomap.demo import generate_cohort, generate_slide
from carcinomap.demo.generator import draw_slide
from carcinomap.errors import InputError

SIZE = (1408, 1280)
MPP = 0.5


@pytest.fixture(scope="module")
def slide_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "one.svs"
    generate_slide(path, seed=7, size=SIZE, mpp=MPP)
    return path


def _regions(path: Path) -> list[tuple[dict[str, str], Polygon]]:
    root = ElementTree.parse(path).getroot()
    return [
        (
            dict(region.attrib),
            Polygon([(int(v.get("X")), int(v.get("Y"))) for v in region.iter("Vertex")]),
        )
        for region in root.iter("Region")
    ]


def test_openslide_takes_it_for_an_aperio_slide(slide_path: Path) -> None:
    with openslide.OpenSlide(slide_path) as slide:
        assert slide.properties["openslide.vendor"] == "aperio"
        assert slide.dimensions == SIZE
        assert float(slide.properties["openslide.mpp-x"]) == MPP
        assert float(slide.properties["openslide.mpp-y"]) == MPP
        assert slide.properties["openslide.objective-power"] == "20"
        assert slide.level_dimensions == (SIZE, (SIZE[0] // 4, SIZE[1] // 4))
        assert slide.associated_images["thumbnail"].size == (768, 698)


def test_the_file_holds_the_picture_that_was_drawn(slide_path: Path) -> None:
    drawn, _ = draw_slide(7, SIZE, MPP)
    with openslide.OpenSlide(slide_path) as slide:
        stored = np.asarray(slide.read_region((0, 0), 0, SIZE).convert("RGB")).astype(int)
    error = np.abs(stored - drawn.astype(int))
    assert error.mean() < 4
    # No channel is swapped or shifted.
    assert np.abs((stored - drawn.astype(int)).mean(axis=(0, 1))).max() < 1


def test_levels_show_the_same_picture(slide_path: Path) -> None:
    with openslide.OpenSlide(slide_path) as slide:
        full = np.asarray(slide.read_region((0, 0), 0, SIZE).convert("RGB"))
        size = slide.level_dimensions[1]
        level = np.asarray(slide.read_region((0, 0), 1, size).convert("RGB")).astype(int)
    expected = cv2.resize(full, size, interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(level - expected).mean() < 6
    shifted = np.abs(level[:, 1:] - expected[:, :-1]).mean()
    assert np.abs(level - expected).mean() < 0.6 * shifted


def test_regions_are_whole_and_inside_the_slide(slide_path: Path) -> None:
    regions = _regions(slide_path.with_suffix(".xml"))
    frame = shapely.box(0, 0, *SIZE)
    for attributes, polygon in regions:
        assert polygon.is_valid
        assert frame.contains(polygon)
        assert polygon.area == pytest.approx(float(attributes["Area"]), abs=0.06)
        assert polygon.length == pytest.approx(float(attributes["Length"]), abs=0.06)
        assert float(attributes["AreaMicrons"]) == pytest.approx(polygon.area * MPP**2, abs=0.06)
    labels = {attributes["Text"].lower() for attributes, _ in regions}
    assert all(any(word in label for label in labels) for word in ("benign", "situ", "invasive"))
    outer = [polygon for attributes, polygon in regions if attributes["NegativeROA"] == "0"]
    for index, polygon in enumerate(outer):
        assert not any(polygon.intersects(other) for other in outer[:index])


def test_every_lesion_is_there_with_a_fair_share_of_the_tissue() -> None:
    for seed in range(3):
        picture, outlines = draw_slide(seed, (1024, 1024), 1.0)
        tissue = np.count_nonzero(np.ptp(picture.astype(int), axis=2) > 20)
        for word in ("benign", "situ", "invasive"):
            area = sum(o.polygon.area for o in outlines if word in o.label.lower())
            assert area > 0.05 * tissue, (seed, word)


def test_a_hole_is_a_negative_region_inside_its_parent(tmp_path: Path) -> None:
    """Over the seeds tried there is at least one lesion with a hole."""
    found = 0
    for seed in range(4):
        path = tmp_path / f"{seed}.svs"
        generate_slide(path, seed, size=(1024, 1024), mpp=1.0)
        regions = _regions(path.with_suffix(".xml"))
        by_number = {attributes["Id"]: polygon for attributes, polygon in regions}
        for attributes, polygon in regions:
            if attributes["NegativeROA"] == "1":
                found += 1
                assert by_number[attributes["InputRegionId"]].contains(polygon)
    assert found > 0


def test_same_seed_same_bytes(slide_path: Path, tmp_path: Path) -> None:
    again = tmp_path / "another-name.svs"
    generate_slide(again, seed=7, size=SIZE, mpp=MPP)
    assert again.read_bytes() == slide_path.read_bytes()
    assert again.with_suffix(".xml").read_bytes() == slide_path.with_suffix(".xml").read_bytes()


def test_no_temporary_file_is_left(slide_path: Path) -> None:
    assert sorted(p.name for p in slide_path.parent.iterdir()) == ["one.svs", "one.xml"]


def test_slides_differ_in_stain_and_layout() -> None:
    colours = []
    for seed in range(4):
        picture, _ = draw_slide(seed, (1024, 1024), 1.0)
        stained = picture[np.ptp(picture.astype(int), axis=2) > 40]
        colours.append(stained.mean(axis=0))
    spread = np.ptp(np.array(colours), axis=0)
    assert spread.max() > 10
    assert len({tuple(colour) for colour in colours}) == 4


def test_cohort_has_two_slides_a_patient(tmp_path: Path) -> None:
    paths = generate_cohort(tmp_path / "slides", slides=3, seed=1, size=(1024, 1024), mpp=1.0)
    assert [path.name for path in paths] == ["slide-01.svs", "slide-02.svs", "slide-03.svs"]
    assert all(path.with_suffix(".xml").is_file() for path in paths)
    with (tmp_path / "slides" / "patients.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["slide"] for row in rows] == [path.name for path in paths]
    assert [row["patient"] for row in rows] == ["patient-01", "patient-01", "patient-02"]
    assert len({path.read_bytes() for path in paths}) == 3


def test_a_slide_too_small_for_its_tissue_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="640 µm"):
        generate_slide(tmp_path / "small.svs", seed=0, size=(600, 4096), mpp=0.5)
    assert not list(tmp_path.iterdir())
