"""Files that QuPath and Digital Slide Archive wrote, and drawings of other programs in theirs."""

import json

import pytest
import shapely
from drawn_areas import parts_of

from carcinomap.annotation import read_annotations, write_annotations

QUPATH = {
    "dlup_qupath05.geojson": (3, ""),
    "large_image_sample.geojson": (10, "Detects Nuclei-outputNucleiAnnotationFile-nuclei-boundary"),
    "qupath-brush.json": (1, ""),
    "qupath-ellipse.json": (1, ""),
    "qupath-line.json": (0, "open line"),
    "qupath-multipoint.json": (0, "point"),
    "qupath-point.json": (0, "point"),
    "qupath-polygon.json": (1, ""),
    "qupath-wand.json": (1, ""),
}
BACH = ["A03_dev.xml", *(f"annotations/A0{number}.xml" for number in (2, 4, 5, 6))]


@pytest.mark.parametrize("name", QUPATH)
def test_every_region_is_an_area_or_noted(real_data, name):
    path = real_data / "annotations/geojson" / name
    count, label = QUPATH[name]
    annotations = read_annotations(path)
    assert len(annotations) == count
    if count:
        assert annotations.labels() == {label: count}
        assert annotations.notes == ()
    else:
        assert [note.kind for note in annotations.notes] == [label]


@pytest.mark.parametrize("name", [name for name, (count, _) in QUPATH.items() if count])
def test_areas_are_those_of_the_file(real_data, name):
    path = real_data / "annotations/geojson" / name
    own = [
        shapely.force_2d(one) for one in shapely.get_parts(shapely.from_geojson(path.read_text()))
    ]
    found = [one.geometry for one in read_annotations(path).annotations]
    assert [one.area for one in found] == pytest.approx([one.area for one in own], rel=1e-4)


@pytest.mark.parametrize("suffixes", [(".geojson", ".json"), (".json", ".geojson")])
@pytest.mark.parametrize("name", [*(f"annotations/geojson/{n}" for n in QUPATH), *BACH])
def test_areas_labels_and_holes_stay_from_format_to_format(tmp_path, real_data, name, suffixes):
    folder = real_data / "bach" if name in BACH else real_data
    first = annotations = read_annotations(folder / name)
    for suffix in suffixes:
        path = tmp_path / f"slide{suffix}"
        write_annotations(annotations, path)
        json.loads(path.read_text(encoding="utf-8"))
        if suffix == ".geojson":
            assert shapely.from_geojson(path.read_text(encoding="utf-8")).is_valid
        annotations = read_annotations(path)
    assert facts(annotations) == facts(first)
    assert areas(annotations) == pytest.approx(areas(first), rel=1e-3)


def facts(annotations):
    return [(*about, len(part.interiors)) for *about, part in parts_of(annotations)]


def areas(annotations):
    return [part.area for *_, part in parts_of(annotations)]
