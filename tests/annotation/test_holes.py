import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import Polygon, box

from carcinomap.annotation.holes import cut_holes, cut_nested, cut_open, rivalries

BOXES = st.tuples(
    st.integers(0, 30), st.integers(0, 30), st.integers(1, 30), st.integers(1, 30)
).map(lambda b: box(b[0], b[1], b[0] + b[2], b[1] + b[3]))


def areas_after(areas, holes):
    cut, strays = cut_holes(areas, holes)
    return [area.area for area in cut], strays


def test_a_hole_is_cut_out_of_the_smallest_area_around_it():
    areas = [box(0, 0, 100, 100), box(10, 10, 50, 50), box(60, 60, 90, 90)]
    assert areas_after(areas, [box(20, 20, 30, 30)]) == ([10_000, 1_500, 900], [])


def test_a_hole_that_sticks_out_still_belongs_to_the_area_that_has_most_of_it():
    areas = [box(0, 0, 40, 40), box(40, 0, 80, 40)]
    assert areas_after(areas, [box(25, 10, 44, 20)]) == ([1_600 - 150, 1_600], [])


def test_an_island_inside_a_hole_stays():
    outer, island = box(0, 0, 100, 100), box(21, 21, 79, 79)
    assert areas_after([outer, island], [box(20, 20, 80, 80)]) == ([6_400, 58**2], [])


def test_a_hole_that_no_area_has_most_of_is_cut_out_of_all_it_overlaps():
    areas = [box(0, 0, 10, 10), box(20, 0, 30, 10), box(50, 0, 60, 10)]
    assert areas_after(areas, [box(5, 0, 25, 10)]) == ([50, 50, 100], [])


def test_a_hole_over_a_whole_area_leaves_nothing_of_it():
    (cut,), strays = cut_holes([box(5, 5, 9, 9)], [box(0, 0, 20, 20)])
    assert cut.is_empty
    assert strays == []


def test_a_hole_in_no_area_is_a_stray():
    assert areas_after([box(0, 0, 10, 10)], [box(20, 0, 30, 10), box(10, 0, 12, 10)]) == (
        [100],
        [0, 1],
    )
    assert cut_holes([], [box(0, 0, 1, 1)]) == ([], [0])


@given(st.lists(BOXES, max_size=5), st.lists(BOXES, max_size=5), st.randoms())
def test_holes_take_away_only_what_they_cover_in_any_order(areas, holes, random):
    cut, strays = cut_holes(areas, holes)
    used = shapely.union_all([hole for at, hole in enumerate(holes) if at not in strays])
    for before, after in zip(areas, cut, strict=True):
        lost = shapely.difference(before, after)
        assert after.is_valid
        assert shapely.difference(lost, used).area == pytest.approx(0, abs=1e-6)
    for at in strays:
        assert all(shapely.intersection(area, holes[at]).area == 0 for area in areas)
    shuffled = random.sample(holes, len(holes))
    again, _ = cut_holes(areas, shuffled)
    assert [one.area for one in again] == pytest.approx([one.area for one in cut])


def nested_after(*drawn):
    areas, labels = [area for _, area in drawn], [label for label, _ in drawn]
    cut, holes = cut_nested(areas, labels)
    return [area.area for area in cut], holes


def test_nested_areas_alternate():
    rings = [("a", box(at, at, 100 - at, 100 - at)) for at in (0, 10, 20, 30)]
    assert nested_after(*rings) == ([10_000 - 6_400, 6_400, 3_600 - 1_600, 1_600], [1, 3])
    assert nested_after(*reversed(rings)) == ([1_600, 2_000, 6_400, 3_600], [0, 2])


def test_an_area_of_another_label_lies_on_top_and_hides_no_nesting():
    drawn = [("a", box(0, 0, 100, 100)), ("b", box(9, 9, 91, 91)), ("a", box(10, 10, 90, 90))]
    assert nested_after(*drawn) == ([3_600, 82**2, 6_400], [2])


def test_an_area_without_a_label_counts_as_one_of_what_it_lies_in():
    outer, hole, island = ("a", box(0, 0, 9, 9)), ("", box(1, 1, 8, 8)), ("a", box(2, 2, 7, 7))
    assert nested_after(outer, hole, island) == ([81 - 49, 49, 25], [1])
    assert nested_after(("", box(0, 0, 9, 9)), ("a", box(1, 1, 8, 8))) == ([81, 49], [])


def test_what_mostly_sticks_out_or_is_as_large_is_not_nested():
    square = box(0, 0, 10, 10)
    assert nested_after(("a", square), ("a", box(8, 0, 12, 9))) == ([100, 36], [])
    assert nested_after(("a", square), ("a", square)) == ([100, 100], [])
    assert nested_after() == ([], [])


@given(st.lists(BOXES, min_size=1, max_size=5), st.lists(BOXES, max_size=4))
def test_areas_without_rivals_get_their_holes_back(outlines, holes):
    areas = [shapely.difference(outline, shapely.union_all(holes)) for outline in outlines]
    areas = [area for area in areas if not area.is_empty]
    opened, _, wrong = cut_open(areas)
    assert wrong == 0
    assert rivalries(opened) == []
    parts = shapely.get_parts(opened)
    rings = [Polygon(ring) for part in parts for ring in part.interiors]
    cut, strays = cut_holes([Polygon(part.exterior) for part in parts], rings)
    assert strays == []
    assert [area.area for area in cut] == pytest.approx([part.area for part in parts])
    for before, after in zip(areas, opened, strict=True):
        assert sum(part.area for part in shapely.get_parts(after)) == pytest.approx(before.area)


def test_only_what_needs_it_is_cut_open():
    ring = shapely.difference(box(0, 0, 100, 100), box(20, 20, 60, 60))
    other = shapely.affinity.translate(ring, 500)
    (opened, same, filling), count, _ = cut_open([ring, other, box(19, 19, 61, 61)])
    assert count == 1
    assert len(shapely.get_parts(opened)) == 2
    assert same is other
    assert filling.area == 42**2


def test_heaps_of_overlaps_end(monkeypatch):
    monkeypatch.setattr("carcinomap.annotation.holes._FREE_COMPARISONS", 0)
    heap = [box(at, at, at + 100, at + 100) for at in range(60)]
    cut, strays = cut_holes(heap, heap)
    assert 0 < len(strays) < 60
    assert sum(area.area for area in cut) < 60 * 100**2
