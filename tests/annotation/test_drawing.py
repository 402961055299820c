import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon
from shapely.ops import split

from carcinomap.annotation import IGNORE, Annotation, AnnotationSet, ClassScheme
from carcinomap.annotation.drawing import Window
from carcinomap.annotation.geometry import only_areas, repaired

COORDINATES = st.integers(-400, 1600).map(lambda number: number / 10)
RINGS = st.lists(st.tuples(COORDINATES, COORDINATES), min_size=3, max_size=12)
SOLIDS = RINGS.map(lambda ring: repaired(Polygon(ring)))
AREAS = st.builds(  # with holes, and of several parts
    lambda area, hole, other: only_areas([shapely.union(shapely.difference(area, hole), other)]),
    SOLIDS,
    SOLIDS,
    SOLIDS,
).filter(lambda area: not area.is_empty)
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


@settings(deadline=None)
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


@settings(deadline=None)
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


def wobbly(random: np.random.Generator, x: float, y: float, radius: float) -> Polygon:
    """Return an outline as people draw them, of some 200 vertices."""
    angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    waves = sum(
        random.normal() / order**1.5 * np.cos(order * angles + random.uniform(0, 6))
        for order in range(2, 9)
    )
    radii = radius * (1 + 0.15 * waves)
    ring = Polygon(np.column_stack((x + radii * np.cos(angles), y + radii * np.sin(angles))))
    return repaired(ring)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0, 1 / 0.4667, 7.3])
def test_large_regions_have_their_exact_area(scale):
    random = np.random.default_rng(int(scale * 10))
    for _ in range(20):
        radius = scale * random.uniform(80, 160)
        outer = wobbly(random, *random.uniform(-1e3, 1e5, 2), radius)
        centre = outer.representative_point()
        inner = wobbly(random, centre.x, centre.y, radius / 3)
        lone = wobbly(random, centre.x + 3.5 * radius, centre.y, radius / 5)
        area = shapely.union(shapely.difference(outer, inner), lone)
        assert area.area >= 10_000 * scale**2
        left, top, right, bottom = area.bounds
        corner = left - random.uniform(1, 9) * scale, top - random.uniform(1, 9) * scale
        size = (int((end - start) / scale) + 20 for start, end in ((left, right), (top, bottom)))
        drawn = Window(*corner, *size, scale).draw([(area, 1)])
        assert drawn.sum() * scale**2 == pytest.approx(area.area, rel=0.005)


@pytest.mark.parametrize("scale", [0.7, 1.0, 4.0])
def test_small_regions_have_their_area_on_average(scale):
    random = np.random.default_rng(5)
    differences = []
    for _ in range(3000):
        area = wobbly(random, *random.uniform(20, 30, 2) * scale, scale * random.uniform(0.3, 4))
        pixels = Window(0, 0, 60, 60, scale).draw([(area, 1)]).sum()
        differences.append(pixels - area.area / scale**2)
    error = np.std(differences) / np.sqrt(len(differences))
    assert abs(np.mean(differences)) < 3 * error


@settings(deadline=None)
@given(st.lists(st.integers(-5, 45), min_size=3, max_size=3), SCALES, st.integers(0, 999))
def test_areas_that_share_a_border_share_no_pixel_and_leave_none_out(cuts, scale, seed):
    random = np.random.default_rng(seed)
    square = shapely.box(0, 0, 40, 40)
    pieces = [square]
    for cut in cuts:
        line = shapely.LineString([(cut, -9), *random.uniform(0, 40, (3, 2)), (40 - cut, 49)])
        pieces = [part for piece in pieces for part in split(piece, line).geoms]
    window = Window(-3.3, -2.1, 70, 66, scale)
    drawn = [window.draw([(piece, 1)]).astype(int) for piece in pieces]
    np.testing.assert_array_equal(sum(drawn), window.draw([(square, 1)]))


def test_a_centre_on_an_outline_belongs_to_the_area_right_of_it_or_below():
    drawn = Window(0, 0, 4, 4, 1).draw([(shapely.box(0.5, 1.5, 2.5, 3.5), 1)])
    assert drawn.tolist() == [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]]


def test_an_outline_of_too_many_crossings_is_drawn_in_bands(monkeypatch):
    x = np.arange(400) / 2
    zigzag = np.column_stack((np.r_[x, x[::-1] + 0.2], np.r_[x * 0, x[::-1] * 0]))
    zigzag[1:400:2, 1] = 90
    zigzag[400::2, 1] = 90.3
    area = repaired(Polygon(zigzag))
    window = Window(0.3, 0.4, 190, 80, 1)
    expected = window.draw([(area, 1), (shapely.box(20, 20, 50, 50), 2)])
    monkeypatch.setattr("carcinomap.annotation.drawing._CROSSINGS", 50)
    again = window.draw([(area, 1), (shapely.box(20, 20, 50, 50), 2)])
    np.testing.assert_array_equal(again, expected)
    assert expected.any()


@settings(deadline=None)
@given(st.lists(AREAS, max_size=3), AREAS, st.lists(AREAS, min_size=1, max_size=2), SCALES)
def test_sets_with_a_region_of_interest_ignore_what_is_outside_it(areas, ignored, interest, scale):
    labelled = [("unsure", ignored), *(("benign", area) for area in areas)]
    everything = [*labelled, *(("roi", area) for area in interest)]
    annotations = AnnotationSet(tuple(Annotation(*one) for one in everything))
    window = Window(-7, 2, 30, 25, scale)
    expected = np.zeros((25, 30), np.uint8)
    for label, area in labelled:
        expected[shapely.contains_xy(area, *centres(window))] = 1 if label == "benign" else IGNORE
    inside = np.zeros((25, 30), bool)
    for area in interest:
        inside |= shapely.contains_xy(area, *centres(window))
    expected[~inside] = IGNORE
    drawn = annotations.label_image(-7, 2, 30, 25, scale, ClassScheme.default())
    clear = clear_of_outlines(window, [*areas, ignored, *interest])
    np.testing.assert_array_equal(drawn[clear], expected[clear])
