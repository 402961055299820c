"""The annotations that people drew on real slides."""

import re
from collections import defaultdict

import numpy as np
import pytest
from drawn_areas import hole_count, parts_of

from carcinomap.annotation import ClassScheme, TissueClass, read_annotations, write_annotations

DEFAULT = ClassScheme.default()
BACH = ["bach/A03_dev.xml", *(f"bach/annotations/A0{number}.xml" for number in (2, 4, 5, 6))]
OTHERS = [
    "annotations/imagescope/TCGA-50-5931-01Z-00-DX1.xml",
    "annotations/imagescope/one-sixth_test.xml",
    *(f"glas/{name}.xml" for name in ("testA_1", "testA_10", "testB_7", "train_23")),
]
ASAP = ["asap-dot", "asap-polygon", "patient_004_node_4"]
ALL = [*BACH, *OTHERS, *(f"annotations/asap/{name}.xml" for name in ASAP)]


def attribute(region: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', region)
    return found[1] if found else ""


@pytest.mark.parametrize("file", BACH + OTHERS)
def test_every_region_is_accounted_for(real_data, file):
    annotations = read_annotations(real_data / file)
    assert annotations.regions == (real_data / file).read_text().count("<Region ")
    assert all(annotation.geometry.is_valid for annotation in annotations.annotations)


@pytest.mark.parametrize("suffix", [".xml", ".asap.xml"])
@pytest.mark.parametrize("file", ALL)
def test_a_written_file_says_the_same(real_data, tmp_path, file, suffix):
    annotations = read_annotations(real_data / file)
    target = tmp_path / f"again{suffix}"
    assert write_annotations(annotations, target) == []
    again = read_annotations(target)
    assert {note.kind for note in again.notes} <= {"hole"}
    assert hole_count(again) == hole_count(annotations)
    drawn = [part for part in parts_of(annotations) if part[-1].area > 1e-5]  # repairs leave dust
    found = [part for part in parts_of(again) if part[-1].area > 1e-5]
    assert [part[:-1] for part in found] == [part[:-1] for part in drawn]
    areas = [part[-1].area for part in found]
    assert areas == pytest.approx([part[-1].area for part in drawn], rel=1e-3)


def test_lesions_of_asap_are_read_as_drawn(real_data):
    annotations = read_annotations(real_data / "annotations/asap/patient_004_node_4.xml")
    assert annotations.labels() == {"Tumor": 3}
    assert [one.colour for one in annotations.annotations] == ["#ff0000"] * 3
    assert [one.name for one in annotations.annotations] == [""] * 3
    dot = read_annotations(real_data / "annotations/asap/asap-dot.xml")
    assert [note.kind for note in dot.notes] == ["point"]


@pytest.mark.parametrize("file", BACH)
def test_the_default_scheme_knows_all_labels(real_data, file):
    annotations = read_annotations(real_data / file)
    annotations.check(DEFAULT)
    assert annotations.mpp == pytest.approx(0.466667)
    assert len(annotations.polygons(DEFAULT)) == annotations.regions


@pytest.mark.parametrize("file", BACH[1:])
def test_areas_per_class_agree_with_those_in_the_file(real_data, file):
    own = defaultdict(float)
    for region in re.findall(r"<Region [^>]*>", (real_data / file).read_text()):
        index = DEFAULT.index(attribute(region, "Text"))
        own[DEFAULT.names[index]] += float(attribute(region, "Area"))
    areas = read_annotations(real_data / file).areas(DEFAULT)
    assert {name for name, area in areas.items() if area} == set(own)
    for name, area in own.items():
        assert areas[name] == pytest.approx(area, rel=0.01)


def test_outlines_that_cross_themselves_are_listed(real_data):
    notes = read_annotations(real_data / "bach/annotations/A02.xml").notes
    assert [note.kind for note in notes] == ["repaired", "repaired"]
    assert "Region 6 of" in notes[0].message
    assert "Region 32 of" in notes[1].message
    for file in BACH[2:]:
        assert read_annotations(real_data / file).notes == ()


def test_other_region_types_are_read_or_listed(real_data):
    annotations = read_annotations(real_data / "annotations/imagescope/one-sixth_test.xml")
    assert annotations.mpp is None
    assert [note.kind for note in annotations.notes] == ["arrow"] * 3
    areas = [annotation.geometry.area for annotation in annotations.annotations]
    assert areas == pytest.approx([50_633, 114_240, 79_632, np.pi * 338 * 200 / 4])


def test_each_of_many_nuclei_keeps_its_area(real_data):
    file = real_data / "annotations/imagescope/TCGA-50-5931-01Z-00-DX1.xml"
    annotations = read_annotations(file)
    assert annotations.labels() == {"": 444}
    (line,) = [note for note in annotations.notes if note.kind != "repaired"]
    assert line.kind == "open line"
    assert "Region 180 of layer 1" in line.message
    own = [float(attribute(r, "Area")) for r in re.findall(r"<Region [^>]*>", file.read_text())]
    areas = [annotation.geometry.area for annotation in annotations.annotations]
    assert areas == pytest.approx([area for area in own if area > 0], rel=0.01, abs=0.1)


def test_the_drawn_slide_has_the_areas_of_its_outlines(real_data):
    annotations = read_annotations(real_data / "bach/A03_dev.xml")
    pixels = annotations.label_image(0, 0, 47_104 // 8, 38_400 // 8, 8, DEFAULT)
    for index, (_, area) in enumerate(annotations.areas(DEFAULT).items()):
        if index and area:
            assert (pixels == index).sum() * 64 == pytest.approx(area, rel=0.01)


def test_other_classes_come_from_a_scheme(real_data):
    glands = [
        TissueClass("stroma", "#b3b3b3"),
        TissueClass("benign", "#e69f00", ("benign gland",)),
        TissueClass("malignant", "#d55e00", ("malignant gland",)),
    ]
    annotations = read_annotations(real_data / "glas/testA_1.xml")
    assert annotations.areas(ClassScheme(tuple(glands)))["benign"] == pytest.approx(
        343_700, rel=0.01
    )
