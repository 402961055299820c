import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import Polygon

from carcinomap.annotation.geometry import box, ellipse, only_areas, repaired

GRID_RINGS = st.integers(1, 12).flatmap(  # coarse: edges meet, coincide and repeat
    lambda side: st.lists(
        st.tuples(st.integers(0, side), st.integers(0, side)), min_size=3, max_size=14
    )
)


def winding(ring: list[tuple[float, float]], x: float, y: float) -> int:
    """Return how often a ring runs around a point that is not on it."""
    corners = np.asarray(ring, dtype=float) - (x, y)
    angles = np.arctan2(corners[:, 1], corners[:, 0])
    steps = np.diff(angles, append=angles[:1])
    return round(((steps + np.pi) % (2 * np.pi) - np.pi).sum() / (2 * np.pi))


@pytest.mark.parametrize("size", [(30, 20), (3000, 2), (0.5, 0.25)])
def test_an_ellipse_has_the_area_of_the_ellipse(size):
    width, height = size
    shape = ellipse(np.array([[5.0, 7.0 + height], [5.0 + width, 7.0]]))
    assert shape.is_valid
    assert shape.area == pytest.approx(np.pi * width * height / 4)
    assert shape.bounds == pytest.approx((5, 7, 5 + width, 7 + height), rel=1e-3, abs=1e-3 * width)


def test_a_box_lies_between_any_two_opposite_corners():
    assert box(np.array([[9.0, 1.0], [2.0, 5.0]])).bounds == (2, 1, 9, 5)


@given(GRID_RINGS, st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=20))
def test_a_repaired_outline_covers_what_it_runs_around(ring, cells):
    area = repaired(Polygon(ring))
    assert area.is_valid
    for column, row in cells:
        x, y = column + 0.4142, row + 0.7321
        if Polygon(ring).exterior.distance(shapely.Point(x, y)) > 1e-6:
            assert area.contains(shapely.Point(x, y)) == (winding(ring, x, y) != 0)


@given(GRID_RINGS)
def test_a_valid_outline_stays_as_it_is(ring):
    outline = Polygon(ring)
    if outline.is_valid:
        assert repaired(outline).equals(outline)


def test_a_stroke_that_overshoots_its_start_keeps_its_area():
    sides = [(0, 0), (100, 0), (100, 100), (0, 100)]
    overshot = Polygon([*sides, (0, -1), (5, -1), (5, 8), (0, 8)])
    assert not overshot.is_valid
    assert repaired(overshot).area == pytest.approx(100 * 100 + 5)


def test_both_lobes_of_an_eight_are_inside():
    assert repaired(Polygon([(0, 0), (4, 4), (4, 0), (0, 4)])).area == pytest.approx(8)


def test_lobes_in_opposite_directions_become_one_where_they_share_an_edge():
    ring = Polygon([(0, 0), (0, 1), (1, 0), (1, 1), (0, 1), (1, 0)])
    assert repaired(ring).equals(box(np.array([[0.0, 0.0], [1.0, 1.0]])))


def test_an_outline_around_nothing_has_no_area():
    assert repaired(Polygon([(0, 0), (5, 5), (9, 9), (2, 2)])).is_empty


def test_only_polygons_are_areas():
    mixed = shapely.GeometryCollection(
        [shapely.Point(0, 0), shapely.LineString([(0, 0), (1, 1)]), shapely.box(3, 3, 4, 4)]
    )
    assert only_areas([mixed]).equals(shapely.box(3, 3, 4, 4))
    assert only_areas([shapely.Point(0, 0)]).is_empty
    assert only_areas([]).is_empty
    two = only_areas([shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(3, 3, 4, 4)])])
    assert two.geom_type == "MultiPolygon"
    assert two.area == 2
