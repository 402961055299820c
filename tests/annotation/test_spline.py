import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from carcinomap.annotation.formats.spline import closed_spline
from carcinomap.annotation.geometry import to_grid

CIRCLE = np.array([(np.cos(a), np.sin(a)) for a in np.arange(12) * np.pi / 6]) * 1000


def test_the_curve_runs_through_its_points_and_bulges_between_them():
    curve = closed_spline(CIRCLE)
    assert len(curve) > 60
    for point in CIRCLE:
        assert np.abs(curve - point).sum(axis=1).min() < 1e-9
    area = shapely.Polygon(curve).area
    assert shapely.Polygon(CIRCLE).area < area < np.pi * 1e6


def test_sides_are_catmull_roms_curve():
    """Barry and Goldman's pyramid draws the same curve without any Bézier handles."""
    points = np.array([(0, 0), (40, 10), (70, 90), (160, 60), (200, 200), (-50, 180.0)])
    curve = closed_spline(points)
    p0, p1, p2, p3 = points[1:5]
    knots = np.cumsum(
        [0, *(np.linalg.norm(b - a) ** 0.5 for a, b in ((p0, p1), (p1, p2), (p2, p3)))]
    )

    def mixed(a, b, i, j, t):
        return ((knots[j] - t) * a + (t - knots[i]) * b) / (knots[j] - knots[i])

    for t in np.linspace(knots[1], knots[2], 7):
        a1, a2, a3 = mixed(p0, p1, 0, 1, t), mixed(p1, p2, 1, 2, t), mixed(p2, p3, 2, 3, t)
        expected = mixed(mixed(a1, a2, 0, 2, t), mixed(a2, a3, 1, 3, t), 1, 2, t)
        distance = shapely.LineString(curve).distance(shapely.Point(expected))
        assert distance < 0.05


def test_the_seam_is_as_asap_draws_it():
    points = np.array([(0, 0), (100, 0), (100, 100), (0, 100.0)])
    curve = closed_spline(points)
    turns = []
    for point in points:
        at = int(np.flatnonzero((curve == point).all(axis=1))[0])
        before, after = point - curve[at - 1], curve[(at + 1) % len(curve)] - point
        turns.append(abs(np.degrees(np.arctan2(*after) - np.arctan2(*before))))
    assert max(turns[:3]) < 10
    assert turns[3] == pytest.approx(90, abs=10)


@pytest.mark.parametrize("points", [[], [(1, 1)], [(1, 1), (2, 2)], [(1, 1)] * 9])
def test_too_few_points_are_no_curve(points):
    assert len(closed_spline(np.array(points, dtype=float).reshape(-1, 2))) < 3


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.integers(-9, 9) | st.floats(-1e9, 1e9)] * 2), max_size=12))
def test_any_points_make_finite_sides(points):
    curve = closed_spline(to_grid(np.array(points, dtype=float).reshape(-1, 2)))
    assert np.isfinite(curve).all()
    assert len(curve) <= 64 * max(1, len(points))
