from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from imagescope_files import file_xml, layer_xml, region_xml, square, write

from carcinomap.annotation.formats.imagescope_xml import parse
from carcinomap.errors import InputError

WHOLE = '<?xml version="1.0" encoding="UTF-8"?>\n' + file_xml(
    layer_xml(region_xml(square(0, 0, 9), text="Bénin"), name="first"),
    layer_xml(region_xml(square(4, 4, 2), NegativeROA="1"), region_xml([(1, 2), (3, 4)], "3")),
)


def parse_bytes(folder: Path, content: bytes):
    path = folder / "slide.xml"
    path.write_bytes(content)
    return parse(path)


def test_regions_come_as_the_file_has_them(tmp_path):
    layers = [
        layer_xml(region_xml(square(1, 2, 9), Id="7", text=" Benign "), name="L"),
        layer_xml(region_xml([], "3", NegativeROA="1"), kind="2"),
    ]
    mpp, (first, second) = parse(write(tmp_path, *layers))
    assert mpp == 0.5
    assert (first.name, first.kind, first.negative) == ("Region 7 of layer 1", "0", False)
    np.testing.assert_array_equal(first.vertices, square(1, 2, 9))
    assert (second.layer.position, second.layer.kind, second.negative) == (2, "2", True)
    assert second.vertices.shape == (0, 2)


@pytest.mark.parametrize(
    ("value", "text", "layer", "label"),
    [
        ("DCIS", "benign", "Layer 1", "DCIS"),
        ("", "benign", "Layer 1", "benign"),
        ("  ", "benign", "Layer 1", "benign"),
        (None, "benign", "Layer 1", "benign"),
        (None, "", "Layer 1", "Layer 1"),
        (None, " ", "", ""),
    ],
)
def test_the_class_is_in_the_attribute_else_the_text_else_the_layer(
    tmp_path, value, text, layer, label
):
    region = region_xml(square(0, 0, 1), value=value, text=text)
    _, (found,) = parse(write(tmp_path, layer_xml(region, name=layer)))
    assert found.label == label


@pytest.mark.parametrize("mpp", ["0", "", "x", "nan", "inf", "-0.5"])
def test_a_senseless_resolution_is_none(tmp_path, mpp):
    assert parse(write(tmp_path, mpp=mpp)) == (None, [])


def test_missing_attributes_have_their_usual_meaning(tmp_path):
    bare = b"<Annotations><Annotation><Regions><Region/></Regions></Annotation></Annotations>"
    mpp, (region,) = parse_bytes(tmp_path, bare)
    assert mpp is None
    assert (region.kind, region.layer.kind, region.label, region.negative) == ("0", "4", "", False)
    assert region.name == "Region ? of layer 1"


@pytest.mark.parametrize("x", ["nan", "inf", "-Infinity", "1e10", "1e999", "", "12,5", "0x1f", "⅓"])
def test_a_vertex_that_is_no_point_names_file_and_region(tmp_path, x):
    region = region_xml([(0, 0), (x, 5), (9, 9)], Id="31")
    with pytest.raises(InputError, match=r"slide\.xml: Region 31 of layer 1 has a vertex"):
        parse(write(tmp_path, layer_xml(region)))


def test_a_vertex_without_a_coordinate_names_file_and_region(tmp_path):
    text = file_xml(layer_xml(region_xml(square(0, 0, 5)))).replace('Y="5"', "", 1)
    with pytest.raises(InputError, match=r"slide\.xml: Region 1 of layer 1 has a vertex"):
        parse_bytes(tmp_path, text.encode())


LAUGHS = "<!DOCTYPE x [<!ENTITY a 'ha'>{}]>".format(
    "".join(f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: not XML"),
        (b"  \n \n", "line 3: not XML"),
        (b"\x89PNG\r\n\x1a\n", "line 1: not XML"),
        (b'{"type": "FeatureCollection"}', "line 1: not XML"),
        (b"<Annotations>\n<Annotation>\n</Annotations>", "line 3: not XML"),
        (b"<Annotations>\n<Annotation Name='\xff'/></Annotations>", "line 2: not XML"),
        (b"<ASAP_Annotations/>", "begins with <ASAP_Annotations>"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "begins with"),
        (b"<?xml version='1.0' encoding='klingon'?><Annotations/>", "slide.xml"),
        (b"<?xml version='1.0' encoding='base64'?><Annotations/>", "encoding"),
        (b"<?xml version='1.0' encoding='utf-7'?><Annotations/>", "encoding"),
        (f"{LAUGHS}<Annotations MicronsPerPixel='&i;'/>".encode(), "document type or entities"),
        (b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'><Annotations/>", "document type or entities"),
        (b"<!DOCTYPE x><Annotations/>", "document type or entities"),
    ],
)
def test_what_is_no_imagescope_file_is_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=r"slide\.xml") as caught:
        parse_bytes(tmp_path, content)
    assert message in str(caught.value)


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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(WHOLE)), st.binary(max_size=4) | st.sampled_from([b"<Region>", b"&#0;"]))
def test_a_damaged_file_never_breaks_the_reader(tmp_path, at, inserted):
    content = WHOLE.encode()
    try:
        _, regions = parse_bytes(tmp_path, content[:at] + inserted + content[at + 2 :])
    except InputError:
        return
    assert all(np.isfinite(region.vertices).all() for region in regions)
