import pickle
from pathlib import Path

import numpy as np
import pytest
from shapely import Polygon, box

from carcinomap.annotation import (
    IGNORE,
    Annotation,
    AnnotationSet,
    ClassScheme,
    Note,
    TissueClass,
    check_labels,
)
from carcinomap.errors import InputError

DEFAULT = ClassScheme.default()


def drawn(*labelled: tuple[str, Polygon]) -> AnnotationSet:
    return AnnotationSet(tuple(Annotation(*one) for one in labelled), source=Path("A01.xml"))


def with_policy(unknown: str) -> ClassScheme:
    return ClassScheme(DEFAULT.classes, unknown=unknown)


def test_later_regions_lie_on_top_and_normal_ones_are_painted_too():
    layers = [
        ("invasive", box(0, 0, 8, 8)),
        ("benign", box(4, 0, 8, 8)),
        ("Normal", box(6, 0, 8, 8)),
    ]
    pixels = drawn(*layers).label_image(0, 0, 10, 8, 1, DEFAULT)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (8, 10)
    assert pixels[3].tolist() == [3, 3, 3, 3, 1, 1, 0, 0, 0, 0]
    pixels = drawn(*reversed(layers)).label_image(0, 0, 10, 8, 1, DEFAULT)
    assert pixels[3].tolist() == [3, 3, 3, 3, 3, 3, 3, 3, 0, 0]


def test_file_order_paints_among_many_regions():
    # Many enough that an index query returns them in an order of its own.
    random = np.random.default_rng(0)
    corners = random.uniform(0, 90, (300, 2))
    labels = random.integers(0, 4, 300)
    squares = [
        (DEFAULT.names[k], box(x, y, x + 9, y + 9))
        for k, (x, y) in zip(labels, corners, strict=True)
    ]
    pixels = drawn(*squares).label_image(0, 0, 100, 100, 1, DEFAULT)
    expected = np.zeros((100, 100), np.uint8)
    for label, (x, y) in zip(labels, corners, strict=True):
        rows, columns = slice(round(y), round(y + 9)), slice(round(x), round(x + 9))
        expected[rows, columns] = label
    np.testing.assert_array_equal(pixels, expected)


def test_a_window_lies_where_and_at_the_scale_it_is_asked_for():
    annotations = drawn(("benign", box(100, 200, 140, 220)))
    assert annotations.label_image(90, 195, 6, 4, 10, DEFAULT).tolist() == [
        [0, 1, 1, 1, 1, 0],
        [0, 1, 1, 1, 1, 0],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]
    assert annotations.label_image(99.5, 199.5, 2, 2, 0.5, DEFAULT).tolist() == [[0, 0], [0, 1]]
    assert not annotations.label_image(-1e6, 1e6, 5, 5, 1, DEFAULT).any()


def test_ignored_regions_are_255_and_can_be_painted_over():
    annotations = drawn(("Unsure", box(0, 0, 4, 1)), ("benign", box(2, 0, 4, 1)))
    assert annotations.label_image(0, 0, 5, 1, 1, DEFAULT).tolist() == [[255, 255, 1, 1, 0]]


def test_outside_the_region_of_interest_nothing_counts():
    annotations = drawn(("ROI", box(1, 0, 4, 1)), ("benign", box(0, 0, 2, 1)))
    assert annotations.label_image(0, 0, 5, 1, 1, DEFAULT).tolist() == [[255, 1, 0, 0, 255]]
    # A window far from it is outside as well.
    assert (annotations.label_image(500, 500, 3, 3, 1, DEFAULT) == IGNORE).all()
    assert [area.bounds for area in annotations.regions_of_interest(DEFAULT)] == [(1, 0, 4, 1)]


def test_unknown_labels_are_named_with_file_count_and_the_nearest_spelling():
    regions = [("Tumour", box(0, 0, 1, 1))] * 3 + [
        ("Benigne", box(0, 0, 1, 1)),
        ("", box(0, 0, 1, 1)),
    ]
    annotations = drawn(*regions, ("benign", box(5, 5, 6, 6)))
    for use in (
        annotations.check,
        annotations.polygons,
        annotations.areas,
        lambda scheme: annotations.label_image(0, 0, 1, 1, 1, scheme),
        # Wherever the window is: half a cohort must not pass before the error shows.
        lambda scheme: annotations.label_image(900, 0, 1, 1, 1, scheme),
    ):
        with pytest.raises(InputError) as caught:
            use(DEFAULT)
        message = str(caught.value)
        assert "'Tumour': 3 regions in A01.xml\n" in message
        assert "'Benigne': 1 region in A01.xml (did you mean 'benign'?)\n" in message
        assert '"" (no label at all): 1 region in A01.xml\n' in message


@pytest.mark.parametrize(("unknown", "value"), [("ignore", IGNORE), ("background", 0)])
def test_unknown_labels_can_be_ignored_or_background(unknown, value):
    annotations = drawn(("invasive", box(0, 0, 2, 1)), ("vessel", box(1, 0, 2, 1)))
    scheme = with_policy(unknown)
    annotations.check(scheme)
    assert annotations.label_image(0, 0, 2, 1, 1, scheme).tolist() == [[3, value]]
    assert [index for index, _ in annotations.polygons(scheme)] == [3, value]


def test_polygons_come_in_file_order_without_regions_of_interest():
    annotations = drawn(
        ("DCIS", box(0, 0, 1, 1)),
        ("roi", box(0, 0, 9, 9)),
        ("unsure", box(2, 2, 3, 3)),
        ("normal", box(4, 4, 5, 5)),
    )
    found = annotations.polygons(DEFAULT)
    assert [(index, area.bounds[0]) for index, area in found] == [(2, 0), (IGNORE, 2), (0, 4)]


def test_areas_are_summed_per_class():
    annotations = drawn(
        ("DCIS", box(0, 0, 2, 2)),
        ("in situ", box(1, 0, 4, 2)),
        ("unsure", box(0, 0, 9, 9)),
        ("roi", box(0, 0, 99, 99)),
    )
    assert annotations.areas(DEFAULT) == {"normal": 0, "benign": 0, "in situ": 10, "invasive": 0}
    assert annotations.labels() == {"DCIS": 1, "in situ": 1, "unsure": 1, "roi": 1}


def test_every_region_is_counted_once():
    notes = (Note("repaired", "", 2), Note("hole", "", 3), Note("arrow", ""), Note("no area", ""))
    annotations = AnnotationSet((Annotation("benign", box(0, 0, 1, 1)),), notes)
    assert annotations.regions == 1 + 3 + 1 + 1


def test_a_slide_without_annotations_is_background():
    empty = AnnotationSet.empty()
    assert len(empty) == empty.regions == 0
    assert not empty.label_image(0, 0, 3, 2, 1, DEFAULT).any()
    assert empty.polygons(DEFAULT) == []
    assert set(empty.areas(DEFAULT).values()) == {0.0}


def test_a_set_travels_to_another_process():
    ring = Polygon(box(0, 0, 9, 9).exterior, [box(2, 2, 4, 4).exterior])
    annotations = AnnotationSet(
        (Annotation("benign", ring),), (Note("hole", "cut"),), Path("a.xml"), 0.25
    )
    before = annotations.label_image(0, 0, 10, 10, 1, DEFAULT)
    sent = pickle.dumps(annotations)
    again = pickle.loads(sent)  # noqa: S301 - our own bytes
    assert again == annotations
    np.testing.assert_array_equal(again.label_image(0, 0, 10, 10, 1, DEFAULT), before)
    assert pickle.dumps(annotations) == sent


def test_another_scheme_reads_the_same_regions_anew():
    annotations = drawn(("Malignant gland", box(0, 0, 2, 1)))
    grey = TissueClass("background", "#b3b3b3")
    scheme = ClassScheme((grey, TissueClass("malignant", "#d55e00", ("malignant gland",))))
    assert annotations.label_image(0, 0, 2, 1, 1, scheme).tolist() == [[1, 1]]
    with pytest.raises(InputError):
        annotations.label_image(0, 0, 2, 1, 1, DEFAULT)


def test_unknown_labels_of_many_files_are_told_once() -> None:
    files = [
        (Path(name), {"Begnin": 1, "invasive": 1})
        for name in ("a.xml", "b.xml", "c.xml", "d.xml", "e.xml")
    ]
    with pytest.raises(InputError) as told:
        check_labels(files, ClassScheme.default())
    message = str(told.value)
    assert "'Begnin': 5 regions in a.xml, b.xml, c.xml and 2 more files" in message
    assert "'benign'" in message
    assert message.count("Begnin") == 1
    check_labels([(None, {"Invasive": 1})], ClassScheme.default())


def test_summary_counts_what_was_not_simply_read() -> None:
    notes = (Note("hole", "holes", 3), Note("arrow", "one"), Note("arrow", "two"))
    assert (
        AnnotationSet((), notes, Path("a.xml")).summary().startswith("a.xml: 2 × arrow, 3 × hole")
    )
    assert drawn(("benign", box(0, 0, 9, 9))).summary() == ""
