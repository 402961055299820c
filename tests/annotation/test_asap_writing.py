from pathlib import Path

import pytest
import shapely
from drawn_areas import annotation_sets, hole_count, parts_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import box

from carcinomap.annotation import Annotation, AnnotationSet, read_annotations, write_annotations


def written(folder: Path, *annotations: Annotation):
    """Return the file, what was lost, and what is read from it."""
    path = folder / "slide.asap.xml"
    lost = write_annotations(AnnotationSet(annotations), path)
    return path.read_text(encoding="utf-8"), lost, read_annotations(path)


LARGE, HOLE = box(0, 0, 100, 100), box(20, 20, 60, 60)
RING = shapely.difference(LARGE, HOLE)


def test_a_file_is_as_asap_stores_it(tmp_path):
    triangle = shapely.Polygon([(0, 0), (4, 0), (4, 2.5)])
    text, lost, _ = written(tmp_path, Annotation("Tumor", triangle, colour="#FF0000", layer="all"))
    assert not lost
    assert text == (
        """<?xml version="1.0" encoding="UTF-8"?>
<ASAP_Annotations>
	<Annotations>
		<Annotation Name="Annotation 0" Type="Polygon" PartOfGroup="Tumor" Color="#ff0000">
			<Coordinates>
				<Coordinate Order="0" X="0" Y="0"/>
				<Coordinate Order="1" X="4" Y="0"/>
				<Coordinate Order="2" X="4" Y="2.5"/>
			</Coordinates>
		</Annotation>
	</Annotations>
	<AnnotationGroups>
		<Group Name="all" PartOfGroup="None" Color="#ff0000">
			<Attributes/>
		</Group>
		<Group Name="Tumor" PartOfGroup="all" Color="#ff0000">
			<Attributes/>
		</Group>
	</AnnotationGroups>
</ASAP_Annotations>
"""
    )


def by_name(annotations):
    """Return (label, colour, layer, area) of every name."""
    found: dict[str, tuple] = {}
    for label, name, layer, colour, part in parts_of(annotations):
        area = found[name][-1] if name in found else 0
        found[name] = (label, colour, layer, area + part.area)
    return found


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(annotation_sets(layers=st.sampled_from(["", "α/β"])))
def test_all_of_an_annotation_comes_back(tmp_path, annotations):
    _, lost, again = written(tmp_path, *annotations.annotations)
    before, after = by_name(annotations), by_name(again)
    layer_lost = any("layer" in line for line in lost)
    assert list(after) == list(before)
    for (label, colour, layer, area), found in zip(before.values(), after.values(), strict=True):
        assert found[0] == label
        assert found[1] == (colour or found[1])
        assert layer_lost or found[2] == layer
        assert found[3] == pytest.approx(area, rel=1e-3)
    assert {note.kind for note in again.notes} <= {"hole"}
    if not any("cuts" in line for line in lost):
        assert hole_count(again) == hole_count(annotations)
        assert all(
            a.equals(b)
            for (*_, a), (*_, b) in zip(parts_of(annotations), parts_of(again), strict=True)
        )


@pytest.mark.parametrize("grown", [-1e-3, 0, 1 / 1024, 0.5, 10])
def test_a_region_keeps_its_area_even_if_another_fills_its_hole(tmp_path, grown):
    both = (
        Annotation("invasive", RING),
        Annotation("necrosis", HOLE.buffer(grown, join_style="mitre")),
    )
    _, _, again = written(tmp_path, *both)
    areas = AnnotationSet(again.annotations).labels()
    assert set(areas) == {"invasive", "necrosis"}
    for one in both:
        found = [a.geometry for a in again.annotations if a.label == one.label]
        assert sum(area.area for area in found) == pytest.approx(one.geometry.area, rel=1e-3)
        assert shapely.union_all(found).symmetric_difference(one.geometry).area < 1


def test_a_hole_that_is_cut_through_is_said(tmp_path):
    _, lost, _ = written(tmp_path, Annotation("a", RING), Annotation("b", HOLE.buffer(1)))
    assert lost == ["1 holes are cuts into their region: they lie in another region, too"]


@pytest.mark.parametrize("label", ["None", "Hole", "exclusion", "_2"])
def test_labels_that_mean_something_else_are_changed_and_named(tmp_path, label):
    _, lost, again = written(tmp_path, Annotation(label, RING), Annotation(label, HOLE))
    assert [one.label for one in again.annotations] == [f"{label} region"] * 2
    (line,) = lost
    assert line.startswith(f"2 regions labelled {label!r} are written as '{label} region'")


@pytest.mark.parametrize(
    ("drawn", "layers"),
    [
        ([("a", "x"), ("b", "x"), ("c", "x/y")], ["x", "x", "x/y"]),
        ([("a", "x"), ("a", "y")], ["x", "x"]),
        ([("a", ""), ("a", "y")], ["", ""]),
        ([("a", "y"), ("a", "")], ["y", "y"]),
        ([("a", "b"), ("b", "a")], ["b", ""]),
        ([("a", "a")], [""]),
        ([("a", "x/x")], [""]),
        ([("", "x")], [""]),
        ([("a", "None")], [""]),
    ],
)
def test_a_group_is_part_of_one_other_and_what_is_not_held_is_said(tmp_path, drawn, layers):
    _, lost, again = written(tmp_path, *(Annotation(label, LARGE, layer=y) for label, y in drawn))
    assert [one.label for one in again.annotations] == [label for label, _ in drawn]
    assert [one.layer for one in again.annotations] == layers
    changed = sum(layer != found for (_, layer), found in zip(drawn, layers, strict=True))
    assert [line.split()[3] for line in lost] == ([str(changed)] if changed else [])


def test_names_like_automatic_ones_are_lost(tmp_path):
    _, lost, again = written(tmp_path, Annotation("a", LARGE, "Annotation 7"))
    assert again.annotations[0].name == ""
    assert lost == ["the names of 1 regions are lost: ASAP itself gives such names"]
