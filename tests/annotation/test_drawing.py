import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon

from carcinomap.annotation.drawing import Window
from carcinomap.annotation.geometry import repaired

COORDINATES = st.integers(-400, 1600).map(lambda number: number / 10)
RINGS = st.lists(st.tuples(COORDINATES, COORDINATES), min_size=3, max_size=12)
AREAS = RINGS.map(lambda ring: repaired(Polygon(ring))).filter(lambda area: not area.is_empty)
SCALES = st.sampled_from([0.5, 1.0, 2.0, 1 / 0.4667, 0.7])


def centres(window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of the pixel centres, each (height, width), in level-0 pixels."""
    columns = window.x + (np.arange(window.width) + 0.5) * window.scale
    rows = window.y + (np.arange(window.height) + 0.5) * window.scale
    x, y = np.meshgrid(columns, rows)
    return x, y


def clear_of_outlines(window: Window, areas: list[Polygon | MultiPolygon]) -> np.ndarray:
    """Return which pixel centres lie on no outline: on one, either side is right."""
    points = shapely.points(*centres(window))
    outlines = shapely.union_all([shapely.boundary(area) for area in areas])
    return shapely.distance(points, outlines) > 1e-6


@given(st.lists(AREAS, min_size=1, max_size=4), SCALES)
def test_a_pixel_has_the_last_area_that_contains_its_centre(areas, scale):
    window = Window(3, -5, 24, 17, scale)
    expected = np.zeros((17, 24), np.uint8)
    for value, area in enumerate(areas, start=1):
        expected[shapely.contains_xy(area, *centres(window))] = value
    drawn = window.draw((area, value) for value, area in enumerate(areas, start=1))
    assert drawn.dtype == np.uint8
    clear = clear_of_outlines(window, areas)
    np.testing.assert_array_equal(drawn[clear], expected[clear])


@given(st.lists(AREAS, min_size=1, max_size=4), SCALES, st.integers(0, 40), st.integers(0, 40))
def test_a_window_is_the_crop_of_a_larger_one(areas, scale, column, row):
    large = Window(-11, 4, 60, 60, scale)
    small = Window(large.x + column * scale, large.y + row * scale, 20, 19, scale)
    values = [(area, value) for value, area in enumerate(areas, start=1)]
    crop = large.draw(values)[row : row + 19, column : column + 20]
    clear = clear_of_outlines(small, areas)
    np.testing.assert_array_equal(small.draw(values)[clear], crop[clear])


@pytest.mark.parametrize("radius", [3, 10, 50])
def test_drawn_circles_have_their_area_on_average(radius):
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(60):
        circle = shapely.Point(*random.uniform(60, 61, 2)).buffer(radius, quad_segs=64)
        drawn.append(Window(0, 0, 120, 120, 1).draw([(circle, 1)]).sum() / circle.area)
    assert np.mean(drawn) == pytest.approx(1, abs=0.005)


def test_a_hole_shows_what_is_below():
    ring = Polygon(shapely.box(0, 0, 10, 10).exterior, [shapely.box(3, 3, 7, 7).exterior])
    pixels = Window(0, 0, 10, 10, 1).draw([(shapely.box(0, 0, 5, 10), 7), (ring, 9)])
    assert pixels[5, 4] == 7
    assert pixels[5, 5] == 0
    assert pixels[1, 1] == pixels[8, 8] == 9


def test_a_window_without_areas_is_empty():
    assert not Window(100, 100, 8, 4, 2).draw([(shapely.box(0, 0, 9, 9), 1)]).any()
    assert Window(0, 0, 8, 4, 2).draw([]).shape == (4, 8)
