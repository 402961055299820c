import re
from pathlib import Path

import pytest
import shapely
from drawn_areas import annotation_sets, hole_count, parts_of
from hypothesis import HealthCheck, given, settings
from shapely import MultiPolygon, Polygon, box

from carcinomap.annotation import (
    Annotation,
    AnnotationSet,
    FileContext,
    SlideFrame,
    read_annotations,
    write_annotations,
)


def written(folder: Path, *annotations: Annotation, mpp: float | None = None):
    """Return the file, what was lost, and what is read from it."""
    path = folder / "slide.xml"
    lost = write_annotations(AnnotationSet(annotations, mpp=mpp), path)
    return path.read_text(encoding="utf-8"), lost, read_annotations(path)


def frame_of(hole: Polygon, outer: Polygon) -> Polygon:
    return shapely.difference(outer, hole)


LARGE, HOLE = box(0, 0, 100, 100), box(20, 20, 60, 60)
RING = frame_of(HOLE, LARGE)


def test_a_file_is_as_imagescope_stores_it(tmp_path):
    path = tmp_path / "slide.xml"
    annotations = AnnotationSet((Annotation("Benign", RING, "No. 1", "#ff8000", "Layer 1"),))
    write_annotations(annotations, path, FileContext(SlideFrame(200, 200, 0.25)))
    text = re.sub(r"\t*<Vertex [^>]*>\n", "", path.read_text(encoding="utf-8"))
    assert text == (
        """<?xml version="1.0" encoding="UTF-8"?>
<Annotations MicronsPerPixel="0.25">
	<Annotation Id="1" Name="Layer 1" ReadOnly="0" NameReadOnly="0" LineColorReadOnly="0" """
        """Incremental="0" Type="4" LineColor="33023" Visible="1" Selected="0" """
        """MarkupImagePath="" MacroName="">
		<Attributes/>
		<Regions>
			<RegionAttributeHeaders>
				<AttributeHeader Id="9999" Name="Region" ColumnWidth="-1"/>
				<AttributeHeader Id="9997" Name="Length" ColumnWidth="-1"/>
				<AttributeHeader Id="9996" Name="Area" ColumnWidth="-1"/>
				<AttributeHeader Id="9998" Name="Text" ColumnWidth="-1"/>
				<AttributeHeader Id="1" Name="Region name" ColumnWidth="-1"/>
			</RegionAttributeHeaders>
			<Region Id="1" Type="0" Zoom="1" Selected="0" ImageLocation="" ImageFocus="-1" """
        """Length="400.0" Area="10000.0" LengthMicrons="100.0" AreaMicrons="625.0" """
        """Text="Benign" NegativeROA="0" InputRegionId="0" Analyze="1" DisplayId="1">
				<Attributes>
					<Attribute Name="1" Id="0" Value="No. 1"/>
				</Attributes>
				<Vertices>
				</Vertices>
			</Region>
			<Region Id="2" Type="0" Zoom="1" Selected="0" ImageLocation="" ImageFocus="-1" """
        """Length="160.0" Area="1600.0" LengthMicrons="40.0" AreaMicrons="100.0" """
        """Text="" NegativeROA="1" InputRegionId="0" Analyze="1" DisplayId="2">
				<Attributes/>
				<Vertices>
				</Vertices>
			</Region>
		</Regions>
		<Plots/>
	</Annotation>
</Annotations>
"""
    )


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(annotation_sets())
def test_all_of_an_annotation_comes_back(tmp_path, annotations):
    _, lost, again = written(tmp_path, *annotations.annotations)
    before, after = parts_of(annotations), parts_of(again)
    for (label, name, layer, colour, area), found in zip(before, after, strict=True):
        assert found[:2] == (label, name)
        assert found[2] == (layer if label else "")
        assert found[3] == (colour or found[3])
        assert found[4].equals(area)
    assert hole_count(again) == hole_count(annotations)
    assert again.regions == len(before) + hole_count(annotations)
    unnamed = sum(bool(one.layer and not one.label) for one in annotations.annotations)
    assert [line.split(" of ")[1][:1] for line in lost] == ([str(unnamed)] if unnamed else [])
    with_nesting = read_annotations(tmp_path / "slide.xml", FileContext(even_odd_holes=True))
    if len({label for label, *_ in before}) == len(before) and all(label for label, *_ in before):
        assert parts_of(with_nesting) == after


@pytest.mark.parametrize("grown", [-1e-3, 0, 1 / 1024, 0.5, 10])
@pytest.mark.parametrize("first", [True, False])
def test_a_hole_stays_its_regions_own_even_if_another_region_fills_it(tmp_path, grown, first):
    ring = Annotation("invasive", RING)
    filling = Annotation("invasive", HOLE.buffer(grown, join_style="mitre"))
    both = (ring, filling) if first else (filling, ring)
    _, lost, again = written(tmp_path, *both)
    assert not lost
    assert [one.geometry.area for one in again.annotations] == pytest.approx(
        [one.geometry.area for one in both], rel=1e-3
    )
    assert hole_count(again) == 1


def test_an_island_in_a_hole_shares_its_layer(tmp_path):
    island = box(30, 30, 40, 40)
    text, _, again = written(tmp_path, Annotation("benign", MultiPolygon([RING, island])))
    assert text.count("<Annotation ") == 1
    assert [one.geometry.area for one in again.annotations] == [RING.area, island.area]


def test_a_layer_begins_only_where_it_must(tmp_path):
    rings = [shapely.affinity.translate(RING, 200 * step) for step in range(5)]
    text, _, again = written(tmp_path, *(Annotation("benign", ring) for ring in rings))
    assert text.count("<Annotation ") == 1
    assert all(
        found.geometry.equals(ring) for found, ring in zip(again.annotations, rings, strict=True)
    )
    red = [Annotation("benign", ring, colour="#ff0000") for ring in rings]
    text, _, _ = written(tmp_path, *red[:2], Annotation("benign", LARGE), *red[2:])
    assert text.count("<Annotation ") == 3


def test_a_region_without_colour_has_the_same_one_whatever_the_spelling(tmp_path):
    labels = ["DCIS", " dcis", "benign"]
    _, _, again = written(tmp_path, *(Annotation(label, LARGE) for label in labels))
    first, second, other = (one.colour for one in again.annotations)
    assert first == second != other


def test_what_cannot_be_held_is_said(tmp_path):
    annotations = [
        Annotation("a\0b", LARGE),
        Annotation("", LARGE, layer="Layer 1"),
        Annotation("dust", box(0, 0, 1e-5, 1e-5)),
    ]
    _, lost, again = written(tmp_path, *annotations)
    assert [one.label for one in again.annotations] == ["a�b", ""]
    assert len(lost) == 3
    assert "control characters in the texts of 1 regions" in lost[0]
    assert lost[1].startswith("1 regions are lost")
    assert "the layer names of 1 regions are lost" in lost[2]


def test_a_claimed_resolution_is_passed_on(tmp_path):
    assert written(tmp_path, mpp=0.4667)[2].mpp == 0.4667
    assert written(tmp_path)[0].endswith("<Annotations>\n</Annotations>\n")


def test_coordinates_are_exact(tmp_path):
    area = box(1 / 1024, -0.0, 123456.75, 1e9 - 1 / 1024)
    text, _, again = written(tmp_path, Annotation("benign", area))
    assert 'X="0.0009765625" Y="0"' in text
    assert again.annotations[0].geometry.equals(area)
