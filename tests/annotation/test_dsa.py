import json
import math
import re

import pytest
import shapely
from drawn_areas import annotation_sets, parts_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon, box

from carcinomap.annotation import (
    Annotation,
    AnnotationSet,
    FileContext,
    SlideFrame,
    read_annotations,
    write_annotations,
)
from carcinomap.errors import InputError

COLOUR = re.compile(
    r"(#[0-9a-fA-F]{3,6}|rgb\(\d+,\s*\d+,\s*\d+\)|rgba\(\d+,\s*\d+,\s*\d+,\s*(\d?\.|)\d+\))"
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12).map(str.strip)
CORNERS = [[0, 0, 0], [9, 0, 0], [9, 9, 0], [0, 9, 0]]


def polyline(points=CORNERS, **more):
    return {"type": "polyline", "closed": True, "points": points, **more}


def read(folder, value, context=None):
    path = folder / "slide.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return read_annotations(path, context)


def elements(folder, *found):
    return read(folder, {"name": "doc", "elements": list(found)})


@pytest.mark.parametrize("order", [("name", "elements"), ("elements", "name")])
def test_documents_come_alone_in_their_record_or_in_a_list(tmp_path, order):
    whole = {"name": "doc", "elements": [polyline(group="benign")], "attributes": {"a": [1]}}
    document = {key: whole[key] for key in (*order, "attributes")}
    record = {"_id": "5b", "annotation": document, "groups": ["benign"], "access": {"users": []}}
    for value, count in ((document, 1), (record, 1), ([document], 1), ([record, document], 2)):
        annotations = read(tmp_path, value)
        assert [(one.label, one.layer) for one in annotations.annotations] == [
            ("benign", "doc")
        ] * count
        assert annotations.regions == count


@pytest.mark.parametrize("value", ['{"elements": []}', '{"annotation": {}}', '[{"elements": []}]'])
def test_a_document_may_be_empty(tmp_path, value):
    assert read(tmp_path, value).regions == 0


@pytest.mark.parametrize(
    ("about", "label", "name"),
    [
        ({"group": " tumour é ", "label": {"value": "this one"}}, "tumour é", "this one"),
        ({"group": "tumour", "label": {"value": "tumour"}}, "tumour", ""),
        ({"label": {"value": "tumour"}}, "tumour", ""),
        ({"group": "", "label": {"value": "this one"}}, "", "this one"),
        ({"group": None, "label": "x"}, "doc", ""),
        ({}, "doc", ""),
    ],
)
def test_the_group_is_the_class_else_the_label_else_the_document(tmp_path, about, label, name):
    (found,) = elements(tmp_path, polyline(**about)).annotations
    assert (found.label, found.name, found.layer) == (label, name, "doc")


def test_a_closed_polyline_is_an_area_without_its_holes(tmp_path):
    holes = [[[1, 1, 0], [3, 1, 0], [3, 3, 0], [1, 3, 0]], [[5, 5, 0], [6, 6, 0]]]
    found = elements(tmp_path, polyline(holes=holes), polyline([*CORNERS, CORNERS[0]]))
    first, second = (one.geometry for one in found.annotations)
    assert first.equals(Polygon(box(0, 0, 9, 9).exterior, [box(1, 1, 3, 3).exterior]))
    assert second.equals(box(0, 0, 9, 9))
    assert found.notes == ()


def test_shapes_lie_around_their_centres(tmp_path):
    common = {"center": [100, 50, 0], "width": 40, "height": 20}
    found = elements(
        tmp_path,
        {"type": "rectangle", **common},
        {"type": "rectangle", **common, "rotation": math.pi / 2},
        {"type": "rectangle", **common, "rotation": math.atan2(3, 4)},
        {"type": "ellipse", **common, "rotation": 0},
        {"type": "circle", "center": [100, 50], "radius": 10},
    )
    upright, on_end, turned, ellipse, circle = (one.geometry for one in found.annotations)
    assert upright.equals(box(80, 40, 120, 60))
    assert on_end.equals(box(90, 30, 110, 70))
    assert turned.area == pytest.approx(800, rel=1e-4)
    # From the x axis, that is rightwards, towards the y axis, that is down.
    assert turned.contains(shapely.Point(100 + 0.8 * 19, 50 + 0.6 * 19))
    assert ellipse.area == pytest.approx(math.pi * 20 * 10, rel=1e-4)
    assert circle.area == pytest.approx(math.pi * 100, rel=1e-4)
    assert circle.bounds == pytest.approx((90, 40, 110, 60), abs=0.02)


@pytest.mark.parametrize(
    ("element", "kind"),
    [
        ({"type": "point", "center": [1, 2, 0]}, "point"),
        ({"type": "arrow", "points": [[1, 2, 0], [3, 4, 0]]}, "arrow"),
        (polyline() | {"closed": False}, "open line"),
        ({"type": "polyline", "points": CORNERS}, "open line"),
        (polyline([[1, 1, 0], [2, 2, 0]]), "no area"),
        ({"type": "polyline", "closed": True}, "no area"),
        (polyline([[1, 1, 0], [2, 2, 0], [3, 3, 0]]), "no area"),
        ({"type": "rectangle", "center": [1, 1, 0], "width": 0, "height": 3}, "no area"),
        ({"type": "circle", "center": [1, 1, 0], "radius": 0}, "no area"),
        ({"type": "heatmap", "points": [[1, 2, 0, 0.5]], "radius": 3}, "other type"),
        ({"type": "griddata", "values": [1, 2], "gridWidth": 2}, "other type"),
        ({"type": "pixelmap", "girderId": "5", "values": [0], "categories": []}, "other type"),
        ({"type": "image", "girderId": "5"}, "other type"),
        ({"type": "rectanglegrid", "center": [1, 1, 0], "width": 2, "height": 3}, "other type"),
        ({"type": ["polyline"]}, "other type"),
        ({}, "other type"),
    ],
)
def test_what_is_no_area_is_noted(tmp_path, element, kind):
    annotations = elements(tmp_path, polyline(), element)
    assert len(annotations) == 1
    (note,) = annotations.notes
    assert note.kind == kind
    assert note.message.startswith("element 2: ")


def test_the_line_gives_the_colour(tmp_path):
    lines = [
        {"lineColor": "rgb(255, 128, 0)", "fillColor": "rgba(0,0,0,0)"},
        {"lineColor": "RED", "fillColor": "#00f"},
        {"lineColor": "#ABCDEF"},
        {},
    ]
    found = elements(tmp_path, *(polyline(**line) for line in lines)).annotations
    assert [one.colour for one in found] == ["#ff8000", "#0000ff", "#abcdef", None]


@pytest.mark.parametrize(
    ("element", "message"),
    [
        (polyline([[0, 0, 0], ["1", 2, 0]]), "slide.json: element 2 has a vertex that is no point"),
        (polyline([[0, 0, 0], [1e10, 2, 0]]), "element 2 has a vertex at (1e+10, 2)"),
        (polyline([CORNERS]), "element 2 has vertices that are not nested"),
        (polyline(holes=CORNERS), "element 2 has vertices that are not nested"),
        (
            {"type": "circle", "center": [1, 2, 0], "radius": -1},
            "element 2: its radius is no length",
        ),
        ({"type": "ellipse", "center": [1, 2], "width": 3}, "element 2: its height is no length"),
        ({"type": "circle", "center": [1, "2"], "radius": 1}, "element 2: its center is no point"),
        ({"type": "circle", "radius": 1}, "element 2: its center is no point"),
        ({"type": "circle", "center": [1, 1e300], "radius": 1}, "which can be on no slide"),
        ({"type": "circle", "center": [1, 1], "radius": 1e300}, "which can be on no slide"),
        (7, "element 2: not an object"),
    ],
)
def test_an_element_that_makes_no_sense_is_named(tmp_path, element, message):
    with pytest.raises(InputError) as caught:
        elements(tmp_path, polyline(), element)
    assert message in str(caught.value)
    with pytest.raises(InputError, match=r"document 2, element 1\b"):
        read(tmp_path, [{"elements": []}, {"elements": [element]}])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"elements": {}}, "'elements' is not a list"),
        ({"annotation": None}, "'annotation' is not an object"),
        ([{"elements": []}, 3], "document 2: not an object"),
    ],
)
def test_what_is_no_document_is_refused(tmp_path, value, message):
    with pytest.raises(InputError, match=re.escape(message)):
        read(tmp_path, value)


def test_coordinates_begin_at_the_corner_of_the_slide(tmp_path):
    context = FileContext(SlideFrame(50_000, 40_000, 0.25, bounds=(1000, 2000)))
    path = tmp_path / "slide.json"
    write_annotations(AnnotationSet((Annotation("benign", box(0, 0, 9, 9)),)), path, context)
    assert json.loads(path.read_text())["elements"][0]["points"][0][2] == 0
    (found,) = read_annotations(path, context).annotations
    assert found.geometry.bounds == (0, 0, 9, 9)


def check_schema(document):
    """Check what the schema of Digital Slide Archive says of polylines."""
    assert set(document) <= {"name", "elements"}
    assert document.get("name", "x")
    for element in document["elements"]:
        assert element.keys() >= {"type", "points"}
        assert element.keys() <= {
            *("type", "closed", "points", "holes", "group", "label", "lineColor", "fillColor")
        }
        assert element["type"] == "polyline"
        assert element["closed"] is True
        for ring in (element["points"], *element.get("holes", [])):
            assert len(ring) >= 3
            assert all(len(point) == 3 for point in ring)
            assert ring[0] != ring[-1]
        assert isinstance(element.get("group", ""), str)
        assert isinstance(element.get("label", {"value": ""})["value"], str)
        colours = [element[key] for key in ("lineColor", "fillColor") if key in element]
        assert all(COLOUR.fullmatch(colour) for colour in colours)


def test_a_layer_is_a_document_and_the_order_stays(tmp_path):
    layers = ["a", "a", "b", "a"]
    drawn = AnnotationSet(tuple(Annotation("x", box(0, 0, 9, 9), layer=one) for one in layers))
    path = tmp_path / "slide.json"
    assert write_annotations(drawn, path) == []
    written = json.loads(path.read_text())
    assert [(one["name"], len(one["elements"])) for one in written] == [
        ("a", 2),
        ("b", 1),
        ("a", 1),
    ]
    assert [one.layer for one in read_annotations(path).annotations] == layers


def test_regions_of_several_parts_are_told(tmp_path):
    parts = MultiPolygon([box(0, 0, 1, 1), box(3, 3, 5, 5)])
    drawn = AnnotationSet((Annotation("x", parts), Annotation("x", box(0, 0, 9, 9))))
    (lost,) = write_annotations(drawn, tmp_path / "slide.json")
    assert lost == "regions of several parts are split: 1 became 2"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(annotation_sets(labels=TEXTS, layers=TEXTS))
def test_every_part_comes_back_as_it_was(tmp_path, annotations):
    path = tmp_path / "slide.json"
    write_annotations(annotations, path)
    written = json.loads(path.read_text(encoding="utf-8"))
    for document in written if isinstance(written, list) else [written]:
        check_schema(document)
    again = read_annotations(path)
    assert again.notes == ()
    before, after = parts_of(annotations), parts_of(again)
    assert [one[:-1] for one in after] == [one[:-1] for one in before]
    for (*_, was), (*_, is_) in zip(before, after, strict=True):
        assert is_.equals(was)
    data = path.read_bytes()
    write_annotations(again, path)
    assert path.read_bytes() == data
