import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from carcinomap.annotation import IGNORE
from carcinomap.cohort.checking.overlaps import find_overlaps

LARGE = shapely.box(0, 0, 100, 100)
INNER = shapely.box(20, 20, 40, 40)
BESIDE = shapely.box(90, 0, 190, 100)


def test_partial():
    ((one,), hidden) = find_overlaps([(1, LARGE), (2, BESIDE)])
    assert not hidden
    assert (one.below, one.above, one.count) == (1, 2, 1)
    assert one.area == pytest.approx(1000)
    assert shapely.box(90, 0, 100, 100).covers(shapely.Point(one.place))


@pytest.mark.parametrize(
    "polygons",
    [
        [(1, LARGE), (2, INNER)],  # painted on top on purpose
        [(1, LARGE), (1, BESIDE)],  # one class
        [(1, LARGE), (1, LARGE)],
        [(1, LARGE), (2, shapely.box(100, 0, 200, 100))],  # touch
        [(1, LARGE), (2, shapely.box(99.5, 0, 200, 100))],  # an unsteady hand
        [(1, LARGE), (IGNORE, BESIDE)],
        [(IGNORE, BESIDE), (1, LARGE)],
        [(1, LARGE.difference(INNER)), (2, INNER)],
        [],
    ],
)
def test_as_it_should_be(polygons):
    assert find_overlaps(polygons) == ([], [])


def test_hidden():
    partial, (one,) = find_overlaps([(2, INNER), (1, LARGE)])
    assert not partial
    assert (one.below, one.above, one.area) == (2, 1, 400)


def test_pairs_of_classes_are_gathered():
    others = [(2, shapely.box(90, y, 150, y + 10)) for y in range(0, 100, 20)]
    ((one,), _) = find_overlaps([(1, LARGE), *others])
    assert (one.count, one.area) == (5, pytest.approx(500))


def test_hostile_files_end():
    many = [(index % 2, shapely.box(0, 0, 100 + index / 7, 100)) for index in range(2000)]
    partial, hidden = find_overlaps(many)
    assert sum(one.count for one in (*partial, *hidden)) < 600_000


boxes = st.builds(
    lambda x, y, w, h: shapely.box(x, y, x + w, y + h),
    *[st.integers(0, 30)] * 2,
    *[st.integers(1, 20)] * 2,
)


@given(st.lists(st.tuples(st.integers(0, 2), boxes), max_size=12))
@settings(max_examples=100)
def test_against_every_pair(polygons):
    expected = {"partial": 0.0, "hidden": 0.0}
    for i, (one, below) in enumerate(polygons):
        for other, above in polygons[i + 1 :]:
            shared = below.intersection(above).area
            smaller = min(below.area, above.area)
            if one == other or shared <= 0.01 * smaller:
                continue
            if shared <= 0.99 * smaller:
                expected["partial"] += shared
            elif below.area <= above.area:
                expected["hidden"] += shared
    partial, hidden = find_overlaps(polygons)
    assert sum(one.area for one in partial) == pytest.approx(expected["partial"])
    assert sum(one.area for one in hidden) == pytest.approx(expected["hidden"])
