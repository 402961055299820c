import json
import math

import numpy as np
import pytest
import shapely
from drawn_areas import annotation_sets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon, box
from shapely.geometry import mapping

from carcinomap.annotation import (
    Annotation,
    AnnotationSet,
    FileContext,
    SlideFrame,
    read_annotations,
    write_annotations,
)
from carcinomap.errors import InputError

SQUARE = box(0, 0, 9, 9)
RING = Polygon(box(0, 0, 9, 9).exterior, [box(2, 2, 4, 4).exterior])
BOUNDED = FileContext(SlideFrame(50_000, 40_000, 0.25, bounds=(1000, 2000)))
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12).map(str.strip)


def feature(area=SQUARE, **properties):
    return {
        "type": "Feature",
        "geometry": None if area is None else mapping(area),
        "properties": properties,
    }


def collection(*features, **more):
    return {"type": "FeatureCollection", "features": list(features), **more}


def read(folder, value, context=None):
    path = folder / "slide.geojson"
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return read_annotations(path, context)


def only(annotations):
    (annotation,) = annotations.annotations
    return annotation


@pytest.mark.parametrize(
    "value",
    [
        collection(feature(), feature(RING)),
        {"features": [feature(), feature(RING)], "type": "FeatureCollection", "bbox": [0, 0, 9, 9]},
        [feature(), feature(RING)],
        [mapping(SQUARE), mapping(RING)],
        {"type": "GeometryCollection", "geometries": [mapping(SQUARE), mapping(RING)]},
        feature(shapely.GeometryCollection([SQUARE, shapely.GeometryCollection([RING])])),
        collection(feature(shapely.force_3d(SQUARE, 7)), feature(shapely.force_3d(RING))),
    ],
)
def test_regions_come_in_every_shape_that_geojson_has(tmp_path, value):
    annotations = read(tmp_path, value)
    assert [one.geometry.normalize() for one in annotations.annotations] == [
        SQUARE.normalize(),
        RING.normalize(),
    ]
    assert annotations.notes == ()


@pytest.mark.parametrize("area", [SQUARE, RING, MultiPolygon([RING, box(20, 0, 30, 9)])])
@pytest.mark.parametrize("bare", [True, False])
def test_a_single_region_is_a_file(tmp_path, area, bare):
    found = only(read(tmp_path, mapping(area) if bare else feature(area)))
    assert found.geometry.equals(area)


@pytest.mark.parametrize("value", [[], collection(), "[ ]\n"])
def test_a_file_of_nothing_has_no_regions(tmp_path, value):
    assert read(tmp_path, value).regions == 0


def test_what_is_no_area_is_noted(tmp_path):
    point, line = shapely.Point(1, 2), shapely.LineString([(0, 0), (9, 9), (0, 9), (0, 0)])
    others = [
        *(point, shapely.MultiPoint([point]), line, shapely.MultiLineString([line])),
        *(None, Polygon(), MultiPolygon(), shapely.GeometryCollection()),
    ]
    annotations = read(tmp_path, collection(*(feature(one) for one in others), feature()))
    kinds = ["point", "point", "open line", "open line", *["no area"] * 4]
    assert [note.kind for note in annotations.notes] == kinds
    assert annotations.notes[2].message == "feature 3: a LineString is no area"
    assert len(annotations) == 1


def test_invalid_outlines_are_repaired_and_noted(tmp_path):
    eight = Polygon([(0, 0), (4, 4), (4, 0), (0, 4)])
    out = Polygon(box(0, 0, 10, 10).exterior, [box(5, 5, 15, 7).exterior])
    away = Polygon(box(0, 0, 10, 10).exterior, [box(12, 0, 15, 3).exterior])
    inside = Polygon(
        box(0, 0, 10, 10).exterior, [box(1, 1, 9, 9).exterior, box(2, 2, 3, 3).exterior]
    )
    overlap = MultiPolygon([box(0, 0, 10, 10), box(5, 0, 15, 10)])
    annotations = read(tmp_path, [feature(one) for one in (eight, out, away, inside, overlap)])
    areas = [one.geometry.area for one in annotations.annotations]
    assert areas == pytest.approx([8, 90, 100, 36, 150])
    assert all(one.geometry.is_valid for one in annotations.annotations)
    assert [note.kind for note in annotations.notes] == ["repaired"] * 5
    assert annotations.notes[1].message.startswith("feature 2: its outline touches or crosses")


@pytest.mark.parametrize(
    ("classification", "label"),
    [
        ({"name": " Tumour é ", "color": [1, 2, 3]}, "Tumour é"),
        ({"names": ["Tumour", "Positive"], "color": [1, 2, 3]}, "Tumour: Positive"),
        (
            {"name": "Positive", "colorRGB": -1, "parentClass": {"name": "Tumour"}},
            "Tumour: Positive",
        ),
        ("Tumour", "Tumour"),
        ({}, ""),
        (None, ""),
        ({"name": 3, "names": "x", "parentClass": []}, ""),
        ([1], ""),
    ],
)
def test_the_class_of_qupath_is_the_label(tmp_path, classification, label):
    found = only(read(tmp_path, feature(classification=classification, name=" mine ")))
    assert (found.label, found.name) == (label, "mine")


def test_without_a_classification_there_is_no_label(tmp_path):
    assert only(read(tmp_path, feature(name="benign"))).label == ""
    assert only(read(tmp_path, {"type": "Feature", "geometry": mapping(SQUARE)})).label == ""


@pytest.mark.parametrize(
    ("properties", "colour"),
    [
        ({"classification": {"name": "a", "color": [255, 0, 16]}}, "#ff0010"),
        ({"classification": {"name": "a", "color": [255, 0, 16, 128]}}, "#ff0010"),
        ({"classification": {"name": "a", "colorRGB": -3670016}}, "#c80000"),
        ({"classification": {"name": "a", "color": [1, 1, 1]}, "color": [0, 0, 1]}, "#000001"),
        ({"color": 0xFF00FF00}, "#00ff00"),
        ({"color": [256, 0, 0]}, None),
        ({"color": [1, 2]}, None),
        ({"color": ["1", 2, 3]}, None),
        ({"color": 1e30}, None),
        ({"lineColor": "rgb(0,255, 0)", "fillColor": "#fff"}, "#00ff00"),
        ({"fillColor": "#A1f"}, "#aa11ff"),
        ({"lineColor": "rgba(0, 0, 300, 1)", "fillColor": "red"}, None),
        ({}, None),
    ],
)
def test_colours_come_in_many_forms(tmp_path, properties, colour):
    assert only(read(tmp_path, feature(**properties))).colour == colour


def test_all_objects_of_qupath_are_regions_and_a_nucleus_is_none_of_its_own(tmp_path):
    cell = feature(objectType="cell") | {"nucleusGeometry": mapping(box(3, 3, 4, 4))}
    core = feature(objectType="tmaCore", isMissing=True)
    annotations = read(tmp_path, collection(cell, core, feature(objectType="detection")))
    assert [one.geometry.area for one in annotations.annotations] == [81] * 3


@pytest.mark.parametrize("key", ["childObjects", "children"])
def test_objects_inside_others_are_regions_too(tmp_path, key):
    inner = feature(box(1, 1, 2, 2), classification="inner")
    middle = feature(box(1, 1, 4, 4), classification="middle", **{key: [inner]})
    outer = feature(None, objectType="root", **{key: [middle, feature()]})
    annotations = read(tmp_path, collection(outer))
    assert [one.label for one in annotations.annotations] == ["middle", "inner", ""]
    assert annotations.regions == 4


def test_measurements_that_are_no_number_do_not_matter(tmp_path):
    text = json.dumps(
        feature(measurements={"NaN": math.nan, "a": -math.inf}, name="NaN, -Infinity")
    )
    assert "NaN" in text.split('"name"')[0]
    assert only(read(tmp_path, text)).name == "NaN, -Infinity"


def test_digital_slide_archive_names_a_document_in_its_first_feature(tmp_path):
    drawn = {"type": "polyline", "lineColor": "rgb(0,0,255)"}
    features = [
        feature(**drawn, annotation={"name": "Nuclei", "attributes": {"a": 1}}),
        feature(**drawn, group="tumour", label={"value": "this one"}),
        feature(**drawn, label={"value": "stroma"}),
    ]
    found = read(tmp_path, collection(*features)).annotations
    assert [one.label for one in found] == ["Nuclei", "tumour", "stroma"]
    assert [one.name for one in found] == ["", "this one", ""]
    assert {(one.layer, one.colour) for one in found} == {("Nuclei", "#0000ff")}


@pytest.mark.parametrize("kind", ["circle", "ellipse"])
def test_digital_slide_archive_writes_rectangles_for_ellipses(tmp_path, kind):
    corners = np.array([[0, 0], [30, 40], [22, 46], [-8, 6]], float)  # 50 × 10, turned
    found = only(read(tmp_path, feature(Polygon(corners), type=kind))).geometry
    assert found.area == pytest.approx(math.pi * 50 * 10 / 4, rel=1e-3)
    assert shapely.Polygon(corners).buffer(0.1).contains(found)
    triangle = Polygon([(0, 0), (9, 0), (0, 9)])
    assert only(read(tmp_path, feature(triangle, type=kind))).geometry.equals(triangle)


def test_the_origin_of_qupath_is_the_corner_of_the_bounds(tmp_path):
    annotations = AnnotationSet((Annotation("benign", box(1500, 2500, 1600, 2700)),))
    path = tmp_path / "slide.geojson"
    write_annotations(annotations, path, BOUNDED)
    written = json.loads(path.read_text())
    assert written["origin"] == [1000, 2000]
    assert shapely.from_geojson(json.dumps(written["features"][0])).bounds == (500, 500, 600, 700)
    assert only(read_annotations(path, BOUNDED)).geometry.bounds == (1500, 2500, 1600, 2700)
    # Without the slide, the origin that the file records will do.
    assert only(read_annotations(path)).geometry.bounds == (1500, 2500, 1600, 2700)
    at_zero = FileContext(SlideFrame(9, 9))
    assert only(read_annotations(path, at_zero)).geometry.bounds == (500, 500, 600, 700)


@pytest.mark.parametrize("origin", ["x", [1], [1, None], [True, 2], {"x": 1}, None])
def test_an_origin_that_is_none_moves_nothing(tmp_path, origin):
    assert only(read(tmp_path, collection(feature(), origin=origin))).geometry.equals(SQUARE)


def test_the_pixel_size_is_what_the_file_claims(tmp_path):
    assert read(tmp_path, collection(feature(), mpp=0.5)).mpp == 0.5
    assert read(tmp_path, collection(feature(), mpp=-1)).mpp is None
    annotations = AnnotationSet((), mpp=0.4)
    path = tmp_path / "a.geojson"
    write_annotations(annotations, path)
    assert read_annotations(path).mpp == 0.4
    write_annotations(annotations, path, BOUNDED)
    assert read_annotations(path).mpp == 0.25


def test_qupath_opens_what_is_written(tmp_path):
    island = MultiPolygon([RING, box(2.5, 2.5, 3.5, 3.5)])
    drawn = [
        Annotation("in situ", island, 'n\n"x"', "#ff0000", "L"),
        Annotation("", SQUARE, colour="#00ff00"),
        Annotation("in situ", RING, colour="#0000ff"),
        Annotation("other", SQUARE),
    ]
    path = tmp_path / "slide.geojson"
    assert write_annotations(AnnotationSet(tuple(drawn)), path) == []
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2 + len(drawn)
    assert [json.loads(line.rstrip(","))["type"] for line in lines[1:-1]] == ["Feature"] * 4
    written = json.loads("\n".join(lines))
    properties = [one["properties"] for one in written["features"]]
    red = {"name": "in situ", "color": [255, 0, 0]}
    assert properties[0] == {
        "objectType": "annotation",
        "name": 'n\n"x"',
        "classification": red,
        "metadata": {"layer": "L"},
    }
    assert properties[1] == {"objectType": "annotation", "color": [0, 255, 0]}
    assert properties[2]["classification"] == red  # QuPath has one colour for a class
    assert properties[2]["color"] == [0, 0, 255]
    assert len(properties[3]["classification"]["color"]) == 3
    for shape in shapely.get_parts(shapely.from_geojson(path.read_text())):
        for part in shapely.get_parts(shape):
            assert part.exterior.is_ccw
            assert not any(hole.is_ccw for hole in part.interiors)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(annotation_sets(labels=TEXTS, layers=TEXTS), st.sampled_from([None, BOUNDED]))
def test_every_region_comes_back_as_it_was(tmp_path, annotations, context):
    path = tmp_path / "slide.geojson"
    assert write_annotations(annotations, path, context) == []
    again = read_annotations(path, context)
    assert again.notes == ()
    assert len(again) == len(annotations)
    for before, after in zip(annotations.annotations, again.annotations, strict=True):
        assert (after.label, after.name, after.layer) == (before.label, before.name, before.layer)
        assert after.geometry.equals(before.geometry)
        assert before.colour in (after.colour, None)
    data = path.read_bytes()
    write_annotations(again, path, context)
    assert path.read_bytes() == data


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (collection(feature(), 3), "feature 2: not an object"),
        (collection({"type": "Ring"}), "feature 1: neither a feature nor a geometry"),
        (
            {"type": "FeatureCollection"},
            "neither a feature nor a geometry (type 'FeatureCollection')",
        ),
        ({"type": "FeatureCollection", "features": {}}, "'features' is not a list"),
        (feature() | {"geometry": {"type": "Circle"}}, "type 'Circle', which GeoJSON"),
        (collection(feature(), origin=[1e300, 0]), "its origin has a vertex at (1e+300, 0)"),
        (feature() | {"geometry": "x"}, "type '', which GeoJSON"),
        (feature() | {"type": ["Feature"], "geometry": {"type": {}}}, "type '', which GeoJSON"),
        (mapping(SQUARE) | {"coordinates": [[0, 0], [9, 0], [9, 9]]}, "not nested as in outlines"),
        (mapping(SQUARE) | {"coordinates": [[[[0, 0], [9, 0], [9, 9]]]]}, "not nested"),
        (mapping(SQUARE) | {"type": "MultiPolygon"}, "not nested as in outlines"),
    ],
)
def test_what_is_no_geojson_is_refused(tmp_path, value, message):
    with pytest.raises(InputError, match=r"slide\.geojson: ") as caught:
        read(tmp_path, value)
    assert message in str(caught.value)
