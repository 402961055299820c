import json
import shutil

import numpy as np
import pytest
import tifffile
from as_typed import call

from carcinomap.annotation import ClassScheme, read_annotations

SCHEME = ClassScheme.default()
FORMATS = ["xml", "asap.xml", "geojson", "json"]


@pytest.fixture
def outlines(made_slides, tmp_path):
    """An annotation away from its slide."""
    return shutil.copy(made_slides / "slide-01.xml", tmp_path / "slide-01.xml")


@pytest.mark.parametrize("first", FORMATS)
@pytest.mark.parametrize("second", FORMATS)
def test_there_and_back_keeps_labels_and_areas(outlines, tmp_path, first, second):
    one, other = tmp_path / f"one.{first}", tmp_path / f"other.{second}"
    assert call("convert", outlines, one).exit_code == 0
    result = call("convert", one, other)
    assert result.exit_code == 0, result.output
    before, after = (read_annotations(file) for file in (outlines, other))
    assert before.labels() == after.labels()
    for name, area in before.areas(SCHEME).items():
        assert after.areas(SCHEME)[name] == pytest.approx(area, rel=1e-3)


def test_to_a_label_image_and_back(outlines, made_slides, tmp_path):
    image, back = tmp_path / "slide-01.tif", tmp_path / "back.geojson"
    result = call("convert", outlines, image, "--slides", made_slides, "--mpp", 1.0)
    assert result.exit_code == 0, result.output
    assert "values:" in result.stdout
    assert set(np.unique(tifffile.imread(image))) <= {0, 1, 2, 3}
    result = call("convert", image, back, "--slides", made_slides, "--json")
    assert result.exit_code == 0, result.output
    (done,) = json.loads(result.stdout)["done"]
    assert done["slide"] == str(made_slides / "slide-01.svs")
    before, after = (read_annotations(file) for file in (outlines, back))
    size = (320, 320, 4.0, SCHEME)
    drawn, again = (a.label_image(0, 0, *size) for a in (before, after))
    assert (drawn == again).mean() > 0.97
    assert drawn.any()


def test_a_folder_becomes_a_folder(made_slides, tmp_path):
    result = call("convert", made_slides, tmp_path / "new", "--to", "geojson")
    assert result.exit_code == 0, result.output
    names = sorted(file.stem for file in made_slides.glob("*.xml"))
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        f"{name}.geojson" for name in names
    ]


def test_a_broken_file_does_not_stop_a_folder(outlines, tmp_path):
    (tmp_path / "broken.xml").write_text("<Annotations><Annotation>")
    (tmp_path / "gone.xml").symlink_to(tmp_path / "elsewhere.xml")
    result = call("convert", tmp_path, tmp_path / "new", "--to", "geojson")
    assert result.exit_code == 1
    assert "broken.xml" in result.stdout
    assert "gone.xml: no such annotation file" in result.stdout
    assert (tmp_path / "new" / "slide-01.geojson").is_file()


def test_classes_give_their_colours(outlines, tmp_path):
    classes = tmp_path / "classes.yaml"
    classes.write_text(
        'classes:\n  - {name: normal, color: "#000000"}\n  - {name: benign, color: "#010203"}\n'
        '  - {name: in situ, color: "#040506", aliases: [carcinoma in situ]}\n'
        '  - {name: invasive, color: "#070809", aliases: [invasive carcinoma]}\n'
    )
    assert call("convert", outlines, tmp_path / "a.geojson", "--classes", classes).exit_code == 0
    colours = {
        one.label: one.colour for one in read_annotations(tmp_path / "a.geojson").annotations
    }
    assert colours
    for label, colour in colours.items():
        assert colour == ["#000000", "#010203", "#040506", "#070809"][SCHEME.index(label)]


def test_refusals_name_the_file_and_lose_nothing(outlines, tmp_path):
    existing = tmp_path / "a.geojson"
    existing.write_text("mine")
    for arguments, said in [
        ((outlines, existing), "--overwrite"),
        ((outlines, tmp_path / "a.doc"), "a.doc"),
        ((outlines, tmp_path / "a.tif"), "slide"),
        ((tmp_path / "none.xml", tmp_path / "b.json"), "none.xml"),
        ((tmp_path, tmp_path / "new"), "--to"),
        ((tmp_path, existing, "--to", "json"), "folder"),
        *(((outlines, tmp_path / "b.tif", "--mpp", mpp), "--mpp") for mpp in (0, -1, "nan", 1e-4)),
    ]:
        result = call("convert", *arguments)
        assert result.exit_code == 2, (arguments, result.output)
        assert said in result.stderr
    assert existing.read_text() == "mine"
    assert call("convert", outlines, existing, "--overwrite").exit_code == 0
    assert existing.read_text() != "mine"


def test_what_is_lost_is_said(tmp_path):
    source = tmp_path / "a.geojson"
    feature = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 0]]]},
        "properties": {"name": "mine", "classification": {"name": "benign", "color": [1, 2, 3]}},
    }
    point = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}}
    source.write_text(json.dumps({"type": "FeatureCollection", "features": [feature, point]}))
    result = call("convert", source, tmp_path / "a.xml")
    assert result.exit_code == 0
    assert "of the old file: feature 2: a Point is no area" in result.stdout
    result = call("convert", source, tmp_path / "a.xml", "--overwrite", "--json")
    (done,) = json.loads(result.stdout)["done"]
    assert len(done["left_out"]) == 1


def test_the_outlines_of_a_map_find_their_slide_among_its_other_files(made_slides, tmp_path):
    shutil.copy(made_slides / "slide-01.svs", tmp_path / "slide-01.svs")
    for suffix in (".ome.tif", ".png"):
        (tmp_path / f"slide-01{suffix}").touch()
    call("convert", made_slides / "slide-01.xml", tmp_path / "slide-01.geojson")
    assert call("convert", tmp_path / "slide-01.geojson", tmp_path / "a.xml").exit_code == 2
    record = {"slide": "slide-01.svs", "tissue_mm2": 1.0, "model": {}}
    (tmp_path / "slide-01.json").write_text(json.dumps(record))
    assert call("convert", tmp_path / "slide-01.geojson", tmp_path / "a.xml").exit_code == 0
