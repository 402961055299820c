"""The geometry that tissue is made of."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from carcinomap.demo.shapes import along, blob, largest, polygons, scatter, tiling

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.floats(5, 500), st.floats(0, 0.3), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_a_blob_surrounds_its_centre_at_about_its_radius(
    seed: int, radius: float, roughness: float, harmonics: int
) -> None:
    rng = np.random.default_rng(seed)
    shape = blob(rng, (3.0, -8.0), radius, roughness=roughness, harmonics=harmonics)
    assert shape.is_valid
    assert shape.contains(shapely.Point(3.0, -8.0))
    distance = np.hypot(*(shapely.get_coordinates(shape) - (3.0, -8.0)).T)
    assert distance.min() >= 0.34 * radius
    assert distance.max() <= 1.76 * radius


def test_aspect_stretches_a_blob_and_keeps_its_area() -> None:
    shape = blob(np.random.default_rng(0), (0, 0), 100, roughness=0.0, aspect=2.0)
    assert shape.area == pytest.approx(np.pi * 100**2, rel=0.01)
    sides = shape.minimum_rotated_rectangle.exterior.length / 2
    assert sides == pytest.approx(2 * 100 * (2**0.5 + 2**-0.5), rel=0.02)


@given(seeds, st.floats(4, 40))
@settings(max_examples=40, deadline=None)
def test_scattered_points_fill_the_region_evenly(seed: int, pitch: float) -> None:
    rng = np.random.default_rng(seed)
    region = blob(rng, (50, 60), 200)
    points = scatter(rng, region, pitch)
    assert shapely.contains_xy(region, points).all()
    # A hexagonal grid has one point per pitch² · √¾.
    expected = region.area / (pitch**2 * np.sqrt(0.75))
    assert abs(len(points) - expected) < 6 * np.sqrt(expected) + 4


def test_scatter_in_nothing_is_empty() -> None:
    assert scatter(np.random.default_rng(0), shapely.Polygon(), 10).shape == (0, 2)


@given(seeds, st.floats(0, 0.5))
@settings(max_examples=25, deadline=None)
def test_tiles_lie_inside_and_keep_their_distance(seed: int, merge: float) -> None:
    rng = np.random.default_rng(seed)
    region = blob(rng, (0, 0), 180)
    cells = tiling(rng, region, 60, gap=10, rounding=8, merge=merge)
    assert len(cells) > 5
    grown = region.buffer(0.01)
    for index, cell in enumerate(cells):
        assert grown.contains(cell)
        assert cell.distance(region.exterior) > 4.9
        for other in cells[:index]:
            assert cell.distance(other) > 9.8


def test_a_region_too_small_to_divide_is_one_tile() -> None:
    rng = np.random.default_rng(0)
    cells = tiling(rng, blob(rng, (0, 0), 20), 200, gap=4, rounding=3)
    assert len(cells) == 1


@given(seeds, st.floats(0.5, 8))
@settings(max_examples=40, deadline=None)
def test_points_along_an_outline_follow_it(seed: int, inset: float) -> None:
    rng = np.random.default_rng(seed)
    shape = blob(rng, (0, 0), 60, roughness=0.05)
    points, directions = along(rng, shape, inset, 9, 0.0)
    line = shape.buffer(-inset).exterior
    assert np.abs(shapely.distance(shapely.points(points), line)).max() < 1e-6
    assert len(points) == int(line.length / 9)
    # On a nearly round outline the line runs at right angles to the radius.
    radial = np.arctan2(points[:, 1], points[:, 0])
    assert np.abs(np.cos(directions - radial)).mean() < 0.35


def test_lines_and_points_are_no_polygons() -> None:
    square = shapely.box(0, 0, 1, 1)
    mixed = shapely.GeometryCollection([shapely.Point(0, 0), square, shapely.box(5, 5, 8, 8)])
    assert len(list(polygons(mixed))) == 2
    assert largest(mixed).area == 9
    assert largest(shapely.Point(0, 0)).is_empty
