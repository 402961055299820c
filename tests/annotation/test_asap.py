import numpy as np
import pytest
import shapely
from asap_files import annotation_xml, group_xml, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from imagescope_files import square

from carcinomap.annotation import format_of, read_annotations
from carcinomap.errors import InputError


def read(folder, *annotations, groups=()):
    return read_annotations(write(folder, *annotations, groups=groups))


def kinds(annotations):
    return [(note.kind, note.count) for note in annotations.notes]


CIRCLE = [(np.cos(a) * 99, np.sin(a) * 99) for a in np.arange(60) * np.pi / 30]


@pytest.mark.parametrize(
    ("kind", "points", "area"),
    [
        ("Polygon", square(0, 0, 10), 100),
        ("Polygon", [*square(0, 0, 10), (0, 0)], 100),
        ("Rectangle", square(3, 3, 10), 100),
        ("Rectangle", [(0, 5), (20, 0)], 100),
        ("Spline", CIRCLE, np.pi * 99**2),
    ],
)
def test_polygons_rectangles_and_splines_are_areas(tmp_path, kind, points, area):
    annotations = read(tmp_path, annotation_xml(points, kind, group="Tumor"))
    (found,) = annotations.annotations
    assert found.label == "Tumor"
    assert found.geometry.area == pytest.approx(area, rel=1e-3)
    assert annotations.notes == ()


@pytest.mark.parametrize(
    ("kind", "points", "note"),
    [
        ("Dot", [(3, 3)], "point"),
        ("PointSet", square(0, 0, 9), "point"),
        ("Measurement", [(0, 0), (9, 9)], "open line"),
        ("Polygon", [(0, 0), (9, 9)], "open line"),
        ("Polygon", [(0, 0), (9, 9), (5, 5)], "no area"),
        ("Polygon", [], "open line"),
        ("Rectangle", [(3, 3)], "open line"),
        ("Spline", [(3, 3), (3, 3), (4, 4)], "open line"),
        ("None", square(0, 0, 9), "other type"),
        ("", square(0, 0, 9), "other type"),
    ],
)
def test_what_is_no_area_is_listed(tmp_path, kind, points, note):
    annotations = read(
        tmp_path,
        annotation_xml(square(0, 0, 1)),
        annotation_xml(points, kind, name="vessel"),
    )
    assert len(annotations) == 1
    assert kinds(annotations) == [(note, 1)]
    assert annotations.notes[0].message.startswith("annotation 2 (vessel): ")


def test_groups_are_labels_and_what_they_are_part_of_layers(tmp_path):
    drawn = [annotation_xml(square(0, 0, 9), group=group) for group in ("in situ", "None", "Ödem")]
    groups = [
        group_xml("in situ", "carcinoma", "#0000FF"),
        group_xml("carcinoma", "all", "#00FF00"),
        group_xml("all", colour="#FF0000"),
    ]
    found = read(tmp_path, *drawn, groups=groups).annotations
    assert [(one.label, one.layer) for one in found] == [
        ("in situ", "all/carcinoma"),
        ("", ""),
        ("Ödem", ""),
    ]
    assert [one.colour for one in found] == ["#ff0000", "#f4fa58", "#f4fa58"]


def test_groups_in_a_circle_end(tmp_path):
    groups = [group_xml("a", "b"), group_xml("b", "a"), group_xml("c", "c")]
    drawn = [annotation_xml(square(0, 0, 9), group=group) for group in "abc"]
    found = read(tmp_path, *drawn, groups=groups).annotations
    assert [one.label for one in found] == ["a", "b", "c"]


def test_a_long_chain_of_groups_is_refused(tmp_path):
    groups = [group_xml(f"g{n}", f"g{n + 1}") for n in range(99)]
    read(tmp_path, annotation_xml(square(0, 0, 9), group="g50"), groups=groups)
    with pytest.raises(InputError, match=r"slide\.xml: groups inside groups, 64 deep"):
        read(tmp_path, annotation_xml(square(0, 0, 9), group="g0"), groups=groups)


@pytest.mark.parametrize(
    ("own", "group", "colour"),
    [
        ("#F4FA58", "#FF0000", "#ff0000"),
        ("#123456", "#FF0000", "#123456"),
        ("red", "#FF0000", "#ff0000"),
        ("red", "red", None),
        ("", "", None),
    ],
)
def test_a_colour_of_its_own_goes_before_that_of_the_group(tmp_path, own, group, colour):
    drawn = annotation_xml(square(0, 0, 9), group="Tumor", colour=own)
    (found,) = read(tmp_path, drawn, groups=[group_xml("Tumor", colour=group)]).annotations
    assert found.colour == colour


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Annotation 12", ""), ("Annotation 12b", "Annotation 12b"), (" gland é ", "gland é")],
)
def test_automatic_names_are_none(tmp_path, name, expected):
    (found,) = read(tmp_path, annotation_xml(square(0, 0, 9), name=name)).annotations
    assert found.name == expected


@pytest.mark.parametrize("group", ["Exclusion", "holes", "HOLE", "_2"])
def test_polygons_of_some_groups_are_holes_in_the_smallest_region_around(tmp_path, group):
    annotations = read(
        tmp_path,
        annotation_xml(square(10, 10, 5), group=group),
        annotation_xml(square(0, 0, 100), group="_0"),
        annotation_xml(square(5, 5, 50), group="_1"),
        annotation_xml(square(200, 200, 5), group=group, name="far"),
    )
    assert [(one.label, one.geometry.area) for one in annotations.annotations] == [
        ("_0", 10_000),
        ("_1", 2_475),
    ]
    assert kinds(annotations) == [("stray hole", 1), ("hole", 1)]
    assert annotations.regions == 4


def test_decimal_commas_are_read(tmp_path):
    drawn = annotation_xml([("0,5", "0"), ("10,5", "0"), ("10.5", "1e1"), ("0,5", "10")])
    (found,) = read(tmp_path, drawn).annotations
    assert found.geometry.bounds == (0.5, 0, 10.5, 10)


def test_points_are_taken_in_their_order(tmp_path):
    shuffled = [(0, 0, 0), (10, 10, 12), (10, 0, 5), (0, 10, 13)]
    (found,) = read(tmp_path, annotation_xml(shuffled)).annotations
    assert found.geometry.equals(shapely.box(0, 0, 10, 10))


@pytest.mark.parametrize("order", ["", "x", "0.5", "nan", "inf", "9" * 400])
def test_points_without_order_stay_as_they_stand(tmp_path, order):
    points = [(0, 0, 3), (10, 0, 2), (10, 10, order), (0, 10, 0)]
    (found,) = read(tmp_path, annotation_xml(points)).annotations
    assert found.geometry.equals(shapely.box(0, 0, 10, 10))


@pytest.mark.parametrize("x", ["nan", "inf", "1e10", "", "1.234,5", "0x1f", "⅓", "9" * 5000])
def test_a_point_that_is_none_names_file_and_annotation(tmp_path, x):
    path = write(tmp_path, annotation_xml([(0, 0), (x, 5), (9, 9)], name="gland"))
    with pytest.raises(InputError, match=r"slide\.xml: annotation 1 \(gland\) has a ") as caught:
        read_annotations(path)
    assert len(str(caught.value)) < 700


def test_an_annotation_inside_an_annotation_is_refused(tmp_path):
    inner = annotation_xml(square(0, 0, 9))
    path = write(tmp_path, inner.replace("<Coordinates>", f"<Coordinates>{inner}"))
    with pytest.raises(InputError, match="has an annotation inside"):
        read_annotations(path)


def test_the_name_of_the_root_decides(tmp_path):
    assert format_of(write(tmp_path)).name == "ASAP XML"
    assert read(tmp_path).annotations == ()


POINTS = st.lists(st.tuples(*[st.integers(0, 20) | st.floats(-1e9, 1e9)] * 2), max_size=8)
TYPES = st.sampled_from(["Polygon", "Polygon", "Spline", "Rectangle", "Dot", "Measurement", "?"])
GROUPS = st.sampled_from(["Tumor", "None", "Exclusion"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.builds(annotation_xml, POINTS, TYPES, GROUPS), max_size=6))
def test_every_annotation_is_accounted_for(tmp_path, drawn):
    annotations = read(tmp_path, *drawn)
    assert annotations.regions == len(drawn)
    assert all(one.geometry.is_valid and one.geometry.area > 0 for one in annotations.annotations)
