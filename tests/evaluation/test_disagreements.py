"""The places where a map is wrong, drawn by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from carcinomap.evaluation.disagreements import Disagreement, disagreements

MPP, TO_SLIDE = 5.0, 10.0


def detail(height=200, width=300, mpp=MPP):
    """A slide of class 0 that is mapped so."""
    truth, mapped = np.zeros((2, height, width), np.uint8)
    counted = np.ones((height, width), bool)
    return SimpleNamespace(truth=truth, mapped=mapped, counted=counted, mpp=mpp, to_slide=TO_SLIDE)


def disc(image, x, y, radius, label):
    rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
    image[np.hypot(columns - x, rows - y) <= radius] = label


@st.composite
def blotched(draw):
    """A slide with blotches that are wrong, 12.5 µm a pixel; the places in it by morphology."""
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, min_side=4, max_side=24))
    slide = detail(*shape, mpp=12.5)
    for image in (slide.truth, slide.mapped):
        for _ in range(draw(st.integers(0, 3))):
            x, y, radius, label = (draw(st.integers(0, n)) for n in (shape[1], shape[0], 9, 2))
            disc(image, x, y, radius, label)
    return slide


@settings(max_examples=100, deadline=None)
@given(blotched())
def test_places_equal_those_of_morphology(slide):
    expected = []
    for radius in (4, 2, 1):
        rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
        for truth, mapped in np.ndindex(3, 3):
            if truth != mapped:
                wrong = (slide.truth == truth) & (slide.mapped == mapped)
                opened = ndimage.binary_opening(wrong, np.hypot(rows, columns) <= radius)
                labels, count = ndimage.label(opened, np.ones((3, 3)))
                expected += [(truth, mapped, (labels == n + 1).sum()) for n in range(count)]
        if expected:
            break
    found = [
        (one.truth, one.mapped, round(one.area_mm2 * 1e6 / 12.5**2))
        for one in disagreements(slide, most=999)
    ]
    assert sorted(found) == sorted(expected)


def test_a_right_map_has_none():
    slide = detail()
    disc(slide.truth, 100, 100, 40, 1)
    slide.mapped[:] = slide.truth
    assert disagreements(slide) == ()


def test_the_largest_come_first_with_class_and_place_on_the_slide():
    slide = detail()
    disc(slide.mapped, 60, 50, 20, 2)
    disc(slide.truth, 200, 120, 30, 3)
    larger, smaller = disagreements(slide)
    assert (larger.truth, larger.mapped) == (3, 0)
    assert (smaller.truth, smaller.mapped) == (0, 2)
    assert (larger.x, larger.y, larger.width, larger.height) == (1700.0, 900.0, 610.0, 610.0)
    assert (smaller.x, smaller.y, smaller.width, smaller.height) == (400.0, 300.0, 410.0, 410.0)
    for place, radius in ((larger, 30), (smaller, 20)):
        assert place.area_mm2 == pytest.approx(np.pi * (radius * MPP / 1000) ** 2, rel=0.05)


def test_a_rim_is_none_and_is_not_measured_with_what_it_joins():
    slide = detail()
    disc(slide.truth, 100, 100, 80, 1)
    disc(slide.mapped, 100, 100, 74, 1)
    disc(slide.mapped, 170, 100, 30, 0)
    (place,) = disagreements(slide)
    # The rim, 30 µm wide, reaches round to x = 20.
    assert place.x > 1200
    assert place.width < 600


def test_where_all_is_narrow_the_widest_is_told():
    slide = detail()
    slide.mapped[20:28, 20:280] = 1  # 40 µm wide
    slide.mapped[60:72, 20:80] = 1  # 60 µm
    (place,) = disagreements(slide)
    area = 12 * 60 * MPP**2 / 1e6 - missing(5)
    assert place == Disagreement(0, 1, pytest.approx(area), 200, 600, 600, 120)

    slide.mapped[60:72] = 0
    (place,) = disagreements(slide)
    assert place.y == 200.0

    slide.mapped[22:] = 0  # 10 µm
    assert disagreements(slide) == ()


def missing(radius):
    """Return what a disc leaves of the corners of a rectangle, in mm²."""
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return int((np.hypot(columns, rows) > radius).sum()) * MPP**2 / 1e6


def test_what_is_wrong_in_two_ways_is_two_places():
    slide = detail()
    slide.truth[50:150, 50:250] = 1
    slide.mapped[50:150, 50:130] = 2
    first, second = disagreements(slide)
    assert (first.truth, first.mapped, first.x) == (1, 0, 1300.0)
    assert (second.truth, second.mapped, second.x) == (1, 2, 500.0)


def test_what_is_not_counted_is_not_wrong():
    slide = detail()
    slide.mapped[50:150, 50:250] = 1
    slide.counted[:, 110:] = False
    (place,) = disagreements(slide)
    assert (place.x, place.width) == (500.0, 600.0)
    slide.counted[:] = False
    assert disagreements(slide) == ()


def test_the_border_of_the_slide_widens_nothing():
    slide = detail()
    slide.mapped[:40, :60] = 1
    slide.mapped[-12:, 200:] = 1  # 60 µm of something wider, perhaps
    (place,) = disagreements(slide)
    area = 40 * 60 * MPP**2 / 1e6 - missing(10)
    assert place == Disagreement(0, 1, pytest.approx(area), 0, 0, 600, 400)


def test_only_so_many_are_returned():
    slide = detail(400, 600)
    for column in range(5):
        for row in range(3):
            disc(slide.mapped, 60 + 110 * column, 60 + 110 * row, 15 + 5 * row + column, 1 + row)
    every = disagreements(slide, most=99)
    assert len(every) == 15
    assert [one.area_mm2 for one in every] == sorted((one.area_mm2 for one in every), reverse=True)
    assert disagreements(slide, most=4) == every[:4]
    assert disagreements(slide) == every[:12]


def test_places_of_one_size_come_in_the_order_of_the_page():
    slide = detail()
    for x, y in ((200, 50), (50, 150), (50, 50)):
        disc(slide.mapped, x, y, 20, 1)
    found = [(one.x, one.y) for one in disagreements(slide)]
    assert found == [(300.0, 300.0), (1800.0, 300.0), (300.0, 1300.0)]


def test_a_pixel_wider_than_a_disc_is_a_place():
    slide = detail(3, 3, mpp=500.0)
    slide.mapped[1, 1] = 1
    assert disagreements(slide) == (Disagreement(0, 1, 0.25, 10.0, 10.0, 10.0, 10.0),)


def test_truth_and_map_are_left_as_they_are():
    slide = detail()
    slide.mapped[50:60, 50:250] = 1
    before = slide.mapped.copy(), slide.counted.copy()
    disagreements(slide)
    assert np.array_equal(slide.mapped, before[0])
    assert np.array_equal(slide.counted, before[1])
