from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from imagescope_files import file_xml, layer_xml, region_xml, square, write

from carcinomap.annotation.formats.imagescope_xml import ImageScopeBuilder
from carcinomap.annotation.formats.regions import NotAnArea
from carcinomap.annotation.formats.xml_events import stream
from carcinomap.errors import InputError

WHOLE = '<?xml version="1.0" encoding="UTF-8"?>\n' + file_xml(
    layer_xml(region_xml(square(0, 0, 9), text="Bénin"), name="first"),
    layer_xml(region_xml(square(4, 4, 2), NegativeROA="1"), region_xml([(1, 2), (3, 4)], "3")),
)


def parse(path: Path):
    builder = ImageScopeBuilder(path)
    regions = list(stream(path, builder))
    return builder.mpp, regions


def parse_bytes(folder: Path, content: bytes):
    path = folder / "slide.xml"
    path.write_bytes(content)
    return parse(path)


def test_regions_come_as_the_file_has_them(tmp_path):
    layers = [
        layer_xml(region_xml(square(1, 2, 9), Id="7", text=" Benign "), name=" L "),
        layer_xml(region_xml([], NegativeROA="1"), kind="2"),
    ]
    mpp, (first, second) = parse(write(tmp_path, *layers))
    assert mpp == 0.5
    assert (first.place, first.label, first.hole) == ("Region 7 of layer 1", "Benign", False)
    assert (first.group, first.layer) == (1, "L")
    assert first.outline.equals(shapely.box(1, 2, 10, 11))
    assert (second.group, second.layer, second.hole) == (2, "", True)
    assert second.outline == NotAnArea("other type", "a layer of type 2 has no areas")


def test_vertices_are_kept_to_a_fraction_of_a_pixel(tmp_path):
    region = region_xml([(0.1, 0.20001), (9.9999, 0), (5, 1e9)])
    _, (found,) = parse(write(tmp_path, layer_xml(region)))
    corners = shapely.get_coordinates(found.outline)
    np.testing.assert_array_equal(corners * 1024, np.round(corners * 1024))
    np.testing.assert_allclose(corners[:3], [(0.1, 0.20001), (9.9999, 0), (5, 1e9)], atol=5e-4)


@pytest.mark.parametrize(
    ("value", "text", "layer", "label", "name"),
    [
        ("DCIS", "gland 5", "Layer 1", "DCIS", "gland 5"),
        ("", "benign", "Layer 1", "benign", ""),
        ("  ", "benign", "Layer 1", "benign", ""),
        (None, "benign", "Layer 1", "benign", ""),
        (None, "", "Layer 1", "Layer 1", ""),
        (None, " ", "", "", ""),
    ],
)
def test_the_class_is_in_the_attribute_else_the_text_else_the_layer(
    tmp_path, value, text, layer, label, name
):
    region = region_xml(square(0, 0, 1), value=value, text=text)
    _, (found,) = parse(write(tmp_path, layer_xml(region, name=layer)))
    assert (found.label, found.name, found.layer) == (label, name, layer)


@pytest.mark.parametrize(
    ("number", "colour"),
    [
        ("255", "#ff0000"),
        ("65280", "#00ff00"),
        ("16711680", "#0000ff"),
        ("8409343", "#ff5080"),
        ("0", "#000000"),
        ("16777216", None),
        ("-1", None),
        ("red", None),
        ("", None),
        ("9" * 5000, None),
    ],
)
def test_the_bytes_of_a_colour_are_blue_green_and_red(tmp_path, number, colour):
    layer = layer_xml(region_xml(square(0, 0, 1))).replace(
        "Type=", f'LineColor="{number}" Type=', 1
    )
    _, (found,) = parse(write(tmp_path, layer))
    assert found.colour == colour


@pytest.mark.parametrize("mpp", ["0", "", "x", "nan", "inf", "-0.5"])
def test_a_senseless_resolution_is_none(tmp_path, mpp):
    assert parse(write(tmp_path, mpp=mpp)) == (None, [])


def test_missing_attributes_have_their_usual_meaning(tmp_path):
    bare = b"<Annotations><Annotation><Regions><Region/></Regions></Annotation></Annotations>"
    mpp, (region,) = parse_bytes(tmp_path, bare)
    assert mpp is None
    assert (region.label, region.name, region.layer, region.colour) == ("", "", "", None)
    assert not region.hole
    assert region.place == "Region ? of layer 1"
    assert region.outline.kind == "open line"


@pytest.mark.parametrize("x", ["nan", "inf", "-Infinity", "1e10", "1e999", "", "12,5", "0x1f", "⅓"])
def test_a_vertex_that_is_no_point_names_file_and_region(tmp_path, x):
    region = region_xml([(0, 0), (x, 5), (9, 9)], Id="31")
    with pytest.raises(InputError, match=r"slide\.xml: Region 31 of layer 1 has a vertex"):
        parse(write(tmp_path, layer_xml(region)))


def test_a_vertex_without_a_coordinate_names_file_and_region(tmp_path):
    text = file_xml(layer_xml(region_xml(square(0, 0, 5)))).replace('Y="5"', "", 1)
    with pytest.raises(InputError, match=r"slide\.xml: Region 1 of layer 1 has a vertex"):
        parse_bytes(tmp_path, text.encode())


def test_a_region_inside_a_region_is_refused(tmp_path):
    inner = region_xml(square(0, 0, 5), Id="2")
    outer = region_xml([], Id="1").replace("<Vertices>", f"<Vertices>{inner}", 1)
    with pytest.raises(InputError, match=r"Region 1 of layer 1 has a region inside"):
        parse(write(tmp_path, layer_xml(outer)))


def test_what_stands_outside_of_regions_is_passed_over(tmp_path):
    content = b"""<Annotations><Vertex X="no"/><Annotation Id="1"><Attributes>
        <Attribute Name="Description" Value="no"/></Attributes></Annotation></Annotations>"""
    assert parse_bytes(tmp_path, content) == (None, [])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_other_encodings_are_read(tmp_path, encoding):
    declared = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "latin-1": "ISO-8859-1"}[encoding]
    content = WHOLE.replace('"UTF-8"', f'"{declared}"').encode(encoding)
    _, regions = parse_bytes(tmp_path, content)
    assert [region.label for region in regions] == ["Bénin", "", ""]


def test_a_file_cut_anywhere_is_refused(tmp_path):
    content = WHOLE.encode()
    for length in range(len(content)):
        with pytest.raises(InputError, match=r"slide\.xml, line \d+: not XML, or not all of it"):
            parse_bytes(tmp_path, content[:length])
    assert len(parse_bytes(tmp_path, content)[1]) == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, len(WHOLE)), st.binary(max_size=4) | st.sampled_from([b"<Region>", b"&#0;"]))
def test_a_damaged_file_never_breaks_the_reader(tmp_path, at, inserted):
    content = WHOLE.encode()
    try:
        _, regions = parse_bytes(tmp_path, content[:at] + inserted + content[at + 2 :])
    except InputError:
        return
    for region in regions:
        if not isinstance(region.outline, NotAnArea):
            assert np.isfinite(shapely.get_coordinates(region.outline)).all()
