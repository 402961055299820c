import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from imagescope_files import square

from carcinomap.annotation import FileContext, SlideFrame, read_annotations
from carcinomap.errors import InputError

FRAME = SlideFrame(2000, 1000, 0.5, glass_offset_nm=(3_000_000, -1_000_000))
"""The middle of the slide, pixel (1000, 500), is 3 mm right and 1 mm above the glass's centre."""


def on_glass(points):
    """Return points in nanometres from the centre of the glass."""
    return [((x - 1000) * 500 + 3_000_000, (y - 500) * 500 - 1_000_000) for x, y in points]


def freehand_xml(points, closed="1", special="", **attributes):
    attributes = {"type": "freehand", "displayname": "AnnotateFreehand", **attributes}
    head = " ".join(f'{key}="{value}"' for key, value in attributes.items())
    inner = "".join(f"<point>\n<x>{x}</x>\n<y>{y}</y></point>" for x, y in points)
    kind = f"<specialtype>{special}</specialtype>" if special else ""
    shut = f"<closed>{closed}</closed>" if closed else ""
    return (
        f"<annotation {head}><measuretype>0</measuretype>{shut}"
        f"<pointlist>{inner}</pointlist>{kind}</annotation>"
    )


def view_xml(annotation, title="Tumour", details="", unit="nanometers", number="7"):
    return f"""<ndpviewstate id="{number}"><title>{title}</title><details>{details}</details>
        <coordformat>{unit}</coordformat><lens>0.44</lens><x>-5</x><y>17</y><z>0</z>
        <showtitle>0</showtitle>{annotation}</ndpviewstate>"""


def write(folder, *views):
    path = folder / "slide.ndpi.ndpa"
    head = '<?xml version="1.0" encoding="utf-8" standalone="yes"?>'
    path.write_text(f"{head}<annotations>{''.join(views)}</annotations>", encoding="utf-8")
    return path


def read(folder, *views, frame=FRAME):
    return read_annotations(write(folder, *views), FileContext(frame))


def test_nanometres_on_the_glass_become_pixels_of_the_slide(tmp_path):
    drawn = freehand_xml(on_glass(square(100, 200, 50)), color="#FF8000")
    found = read(tmp_path, view_xml(drawn, " Tumeur é ", "gland 5"))
    (one,) = found.annotations
    assert (one.label, one.name, one.colour) == ("Tumeur é", "gland 5", "#ff8000")
    assert one.geometry.equals(shapely.box(100, 200, 150, 250))
    assert found.notes == ()
    assert found.source == tmp_path / "slide.ndpi.ndpa"


@pytest.mark.parametrize(
    ("special", "points"),
    [("rectangle", square(10, 10, 90)), ("rectangle", [(10, 100), (100, 10)])],
)
def test_rectangles_are_areas(tmp_path, special, points):
    drawn = freehand_xml(on_glass(points), special=special, displayname="AnnotateRectangle")
    (one,) = read(tmp_path, view_xml(drawn)).annotations
    assert one.geometry.equals(shapely.box(10, 10, 100, 100))


def circle_xml(radius, x=3_000_000, y=-1_000_000):
    return (
        f'<annotation type="circle" displayname="AnnotateCircle" color="red"><x>{x}</x><y>{y}</y>'
        f"<radius>{radius}</radius></annotation>"
    )


def test_circles_are_areas(tmp_path):
    (one,) = read(tmp_path, view_xml(circle_xml(50_000))).annotations
    assert one.geometry.area == pytest.approx(np.pi * 100**2)
    assert one.geometry.centroid.distance(shapely.Point(1000, 500)) < 1e-6
    assert one.colour is None


OPEN = freehand_xml(square(0, 0, 9e5), "0", displayname="AnnotateFreehandLine")
PIN = '<annotation type="pin" displayname="AnnotatePin"><x>1</x><y>2</y></annotation>'
POINTER = '<annotation type="pointer"><x1>1</x1><y1>2</y1><x2>3</x2><y2>4</y2></annotation>'


@pytest.mark.parametrize(
    ("drawn", "kind"),
    [
        (OPEN, "open line"),
        (OPEN.replace("<closed>0</closed>", ""), "open line"),
        (freehand_xml(on_glass([(0, 0), (9, 9)])), "open line"),
        (freehand_xml([]), "open line"),
        (PIN, "point"),
        (POINTER, "arrow"),
        (POINTER.replace("pointer", "linearmeasure"), "open line"),
        (POINTER.replace("pointer", "sketch"), "other type"),
        ("", "other type"),
        (circle_xml(0), "no area"),
        (circle_xml(-9), "no area"),
        (circle_xml("nan"), "no area"),
        ('<annotation type="circle"><radius>9</radius></annotation>', "no area"),
        (freehand_xml(on_glass([(0, 0), (5, 5), (9, 9)])), "no area"),
    ],
)
def test_what_is_no_area_is_listed(tmp_path, drawn, kind):
    found = read(tmp_path, view_xml(drawn))
    assert found.annotations == ()
    (note,) = found.notes
    assert note.kind == kind
    assert note.message.startswith("annotation 7: ")


def test_a_freehand_outline_is_closed_if_nothing_says_otherwise(tmp_path):
    drawn = freehand_xml(on_glass(square(0, 0, 10)), closed="")
    assert len(read(tmp_path, view_xml(drawn))) == 1


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (None, "keep the slide beside it"),
        (SlideFrame(9, 9, 0.5), "does not say where on the glass"),
        (SlideFrame(9, 9, None, glass_offset_nm=(0, 0)), "does not say where on the glass"),
    ],
)
def test_without_its_slide_a_file_means_nothing(tmp_path, frame, reason):
    with pytest.raises(InputError, match=rf"slide\.ndpi\.ndpa: .*{reason}"):
        read(tmp_path, frame=frame)


@pytest.mark.parametrize(
    ("view", "reason"),
    [
        (view_xml(freehand_xml([("x", 1)])), "has 'x' where a number"),
        (view_xml(freehand_xml([("", 1)])), "has '' where a number"),
        (view_xml(freehand_xml([("nan", 1)] * 3)), "can be on no slide"),
        (view_xml(freehand_xml([(1, "1e15")] * 3)), "can be on no slide"),
        (view_xml(freehand_xml([(1, 1)]).replace("<x>1</x>", "")), "a point without x or y"),
        (view_xml(circle_xml("wide")), "has 'wide' where a number"),
        (view_xml(circle_xml("1e300")), "can be on no slide"),
        (view_xml(circle_xml(9).replace("<y>-1000000</y>", "")), "a point without x or y"),
        (view_xml(PIN, unit="pixels"), "counts in 'pixels'"),
        (view_xml(freehand_xml([(1, 1)]).replace("<y>", "<annotation/><y>")), "has an annotation"),
    ],
)
def test_what_cannot_be_placed_names_file_and_annotation(tmp_path, view, reason):
    with pytest.raises(InputError, match=r"slide\.ndpi\.ndpa: annotation 7 ") as caught:
        read(tmp_path, view)
    assert reason in str(caught.value)


WHOLE = f"<annotations>{view_xml(freehand_xml(square(0, 0, 9e5)))}{view_xml(PIN)}</annotations>"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.integers(0, len(WHOLE)),
    st.sampled_from(
        ["", "<x>", "<x>1</x>", "<annotation/>", "</annotation>", "<title/>", "9e9", "&"]
    ),
)
def test_a_damaged_file_never_breaks_the_reader(tmp_path, at, inserted):
    path = tmp_path / "slide.ndpa"
    path.write_text(WHOLE[:at] + inserted + WHOLE[at:])
    try:
        found = read_annotations(path, FileContext(FRAME))
    except InputError:
        return
    assert found.regions >= 2
