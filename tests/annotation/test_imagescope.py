from collections import Counter

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from imagescope_files import layer_xml, region_xml, square, write

from carcinomap.annotation import ClassScheme, FileContext, read_annotations
from carcinomap.errors import InputError

DEFAULT = ClassScheme.default()
HOLE = {"NegativeROA": "1"}


def read(folder, *layers):
    return read_annotations(write(folder, *layers))


def kinds(annotations):
    return [(note.kind, note.count) for note in annotations.notes]


@pytest.mark.parametrize(
    ("kind", "points", "area"),
    [
        ("0", square(0, 0, 10), 100),
        ("0", [*square(0, 0, 10), (0, 0)], 100),
        ("1", [(0, 0), (20, 5)], 100),
        ("1", [(20, 0), (0, 5)], 100),
        ("1", square(3, 3, 10), 100),
        ("2", [(85, 909), (423, 1109)], np.pi * 338 * 200 / 4),
        ("2", [(0, 5), (5, 0), (10, 5), (5, 10)], 50),
    ],
)
def test_outlines_boxes_and_ellipses_are_areas(tmp_path, kind, points, area):
    annotations = read(tmp_path, layer_xml(region_xml(points, kind, text="benign")))
    assert annotations.areas(DEFAULT)["benign"] == pytest.approx(area)
    assert annotations.notes == ()


@pytest.mark.parametrize(
    ("region", "layer", "kind", "reason"),
    [
        (region_xml([(0, 0), (50, 50)], "3", Id="9"), "4", "arrow", "an arrow"),
        (region_xml([(0, 0), (50, 50)], Id="9"), "4", "open line", "2 different vertices"),
        (region_xml([(0, 0), (5, 5), (0, 0), (5, 5)], Id="9"), "4", "open line", "2 different"),
        (region_xml([], Id="9"), "4", "open line", "0 different vertices"),
        (region_xml([(3, 3), (3, 3)], "1", Id="9"), "4", "open line", "1 different"),
        (region_xml([(0, 0), (50, 0)], "1", Id="9"), "4", "no area", "encloses nothing"),
        (region_xml([(0, 0), (50, 0)], "2", Id="9"), "4", "no area", "encloses nothing"),
        (region_xml([(0, 0), (1, 1), (2, 2), (5, 5)], Id="9"), "4", "no area", "encloses nothing"),
        (region_xml(square(0, 0, 9), "5", Id="9"), "4", "other type", "type 5"),
        (region_xml(square(0, 0, 9), "x", Id="9"), "4", "other type", "type x"),
        (region_xml(square(0, 0, 9), Id="9"), "2", "other type", "layer of type 2"),
    ],
)
def test_what_is_no_area_is_listed(tmp_path, region, layer, kind, reason):
    annotations = read(tmp_path, layer_xml(region, kind=layer))
    assert annotations.annotations == ()
    (note,) = annotations.notes
    assert note.kind == kind
    assert note.message.startswith("Region 9 of layer 1: ")
    assert reason in note.message
    assert annotations.regions == 1


def test_a_repair_is_reported_with_the_region_and_what_changed(tmp_path):
    eight = [(0, 0), (40, 40), (40, 0), (0, 40)]
    annotations = read(tmp_path, layer_xml(region_xml(eight, text="benign", Id="6")))
    assert annotations.areas(DEFAULT)["benign"] == pytest.approx(800)
    (note,) = annotations.notes
    assert (note.kind, note.count) == ("repaired", 1)
    assert "Region 6 of layer 1" in note.message
    assert "0.0 → 800.0 px²" in note.message
    assert annotations.regions == 1


def test_a_hole_shows_what_was_painted_below(tmp_path):
    regions = [
        region_xml(square(2, 2, 4), **HOLE),  # before what it is cut out of: as good as after
        region_xml(square(0, 0, 4), text="benign"),
        region_xml(square(0, 0, 8), text="invasive"),
    ]
    annotations = read(tmp_path, layer_xml(*regions))
    assert kinds(annotations) == [("hole", 1)]
    assert annotations.regions == 3
    pixels = annotations.label_image(0, 0, 9, 9, 1, DEFAULT)
    assert pixels[3].tolist() == [3, 3, 1, 1, 0, 0, 3, 3, 0]


def test_a_hole_is_cut_only_in_its_own_layer(tmp_path):
    inner = layer_xml(region_xml(square(1, 1, 8), text="benign"))
    outer = layer_xml(
        region_xml(square(0, 0, 10), text="invasive"), region_xml(square(2, 2, 2), **HOLE)
    )
    areas = read(tmp_path, inner, outer).areas(DEFAULT)
    assert (areas["benign"], areas["invasive"]) == (64, 96)


def test_stray_holes_and_erased_regions_are_listed(tmp_path):
    annotations = read(
        tmp_path,
        layer_xml(region_xml(square(50, 50, 3), Id="1", **HOLE)),
        layer_xml(
            region_xml(square(2, 2, 2), Id="2", text="benign"),
            region_xml(square(0, 0, 9), Id="3", **HOLE),
        ),
    )
    assert annotations.annotations == ()
    assert kinds(annotations) == [("stray hole", 1), ("no area", 1), ("hole", 1)]
    assert "Region 1 of layer 1" in annotations.notes[0].message
    assert "Region 2 of layer 2" in annotations.notes[1].message
    assert annotations.regions == 3


def test_labels_stand_in_file_order_across_layers(tmp_path):
    layers = [
        layer_xml(region_xml(square(0, 0, 1), text="b"), region_xml(square(5, 0, 1), text="a")),
        layer_xml(region_xml(square(0, 5, 1)), name="c"),
    ]
    found = read(tmp_path, *layers)
    assert [annotation.label for annotation in found.annotations] == ["b", "a", "c"]
    assert found.mpp == 0.5
    assert found.source == tmp_path / "slide.xml"


def test_colour_layer_and_name_are_kept_beside_the_label(tmp_path):
    layer = layer_xml(region_xml(square(0, 0, 1), text="gland 5", value="DCIS"), name="second look")
    (found,) = read(tmp_path, layer.replace("Type=", 'LineColor="255" Type=', 1)).annotations
    assert (found.label, found.name, found.layer) == ("DCIS", "gland 5", "second look")
    assert found.colour == "#ff0000"


def even_odd(folder, *layers):
    return read_annotations(write(folder, *layers), FileContext(even_odd_holes=True))


def test_nested_regions_are_holes_only_if_asked_for(tmp_path):
    drawn = [(0, 100, "Benign"), (10, 80, " benign "), (20, 60, ""), (30, 40, "DCIS")]
    layer = layer_xml(*(region_xml(square(at, at, side), text=text) for at, side, text in drawn))
    assert len(read(tmp_path, layer)) == 4
    found = even_odd(tmp_path, layer)
    labelled = [(one.label, one.geometry.area) for one in found.annotations]
    assert labelled == [("Benign", 3_600), ("", 3_600), ("DCIS", 1_600)]
    assert kinds(found) == [("hole", 1)]
    assert "inside others" in found.notes[0].message
    assert found.regions == 4


def test_regions_are_nested_only_in_their_own_layer(tmp_path):
    layers = [layer_xml(region_xml(square(at, at, 9 - at), text="benign")) for at in (0, 3)]
    assert len(even_odd(tmp_path, *layers)) == 2


def test_negative_regions_are_holes_beside_nested_ones(tmp_path):
    regions = [
        region_xml(square(0, 0, 100), text="benign"),
        region_xml(square(10, 10, 30), text="benign"),
        region_xml(square(50, 50, 30), **HOLE),
        region_xml(square(55, 55, 10), text="benign"),  # what is cut out holds nothing
    ]
    found = even_odd(tmp_path, layer_xml(*regions))
    assert [one.geometry.area for one in found.annotations] == [10_000 - 900 - 900, 100]
    assert kinds(found) == [("hole", 1), ("hole", 1)]
    assert found.regions == 4


def test_a_tangle_is_left_out_at_once(tmp_path):
    points = np.random.default_rng(0).uniform(0, 9999, (20_000, 2))
    found = read(tmp_path, layer_xml(region_xml(points, text="benign")))
    assert kinds(found) == [("no area", 1)]
    assert "crosses itself as no drawing does" in found.notes[0].message


def test_a_pen_that_rested_is_no_tangle(tmp_path):
    points = [(0, 0), (40, 40), *[(40, 0)] * 1000, (0, 40)]
    found = read(tmp_path, layer_xml(region_xml(points, text="benign")))
    assert kinds(found) == [("repaired", 1)]
    assert found.annotations[0].geometry.area == pytest.approx(800)


def test_countless_notes_are_summed_up(tmp_path):
    found = read(tmp_path, layer_xml(*[region_xml([])] * 3000))
    assert found.regions == 3000
    assert len(found.notes) == 1001
    assert found.notes[-1].count == 2000


@pytest.mark.parametrize("what", ["missing.xml", "."])
def test_a_file_that_is_none_is_named(tmp_path, what):
    with pytest.raises(InputError, match="annotation file"):
        read_annotations(tmp_path / what)


POINTS = st.lists(st.tuples(*[st.integers(0, 20) | st.floats(-1e9, 1e9)] * 2), max_size=8)
REGIONS = st.builds(
    region_xml,
    POINTS,
    st.sampled_from(["0", "0", "0", "1", "2", "3", "4"]),
    text=st.sampled_from(["benign", "normal", "roi"]),
    NegativeROA=st.sampled_from(["0", "0", "1"]),
)
LAYERS = st.builds(
    lambda regions, kind: layer_xml(*regions, kind=kind),
    st.lists(REGIONS, max_size=6),
    st.sampled_from(["4", "4", "4", "3"]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(LAYERS, max_size=3))
def test_every_region_is_accounted_for(tmp_path, layers):
    annotations = read(tmp_path, *layers)
    assert annotations.regions == sum(layer.count("<Region ") for layer in layers)
    counts = Counter()
    for note in annotations.notes:
        counts[note.kind] += note.count
    listed = sum(counts[kind] for kind in counts if kind not in {"repaired", "hole"})
    assert len(annotations) + counts["hole"] + listed == annotations.regions
    for annotation in annotations.annotations:
        assert annotation.geometry.is_valid
        assert annotation.geometry.geom_type in {"Polygon", "MultiPolygon"}
        assert annotation.geometry.area > 0
    pixels = annotations.label_image(-2, -2, 12, 12, 2, DEFAULT)
    assert set(np.unique(pixels)) <= {0, 1, 255}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=4))
def test_holes_are_never_painted(tmp_path, corners):
    whole = region_xml(square(0, 0, 12), text="benign")
    holes = [region_xml(square(x, y, 3), **HOLE) for x, y in corners]
    pixels = read(tmp_path, layer_xml(whole, *holes)).label_image(0, 0, 12, 12, 1, DEFAULT)
    covered = shapely.union_all([shapely.box(x, y, x + 3, y + 3) for x, y in corners])
    x, y = np.meshgrid(np.arange(12) + 0.5, np.arange(12) + 0.5)
    np.testing.assert_array_equal(pixels, 1 - shapely.contains_xy(covered, x, y))
