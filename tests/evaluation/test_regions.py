"""Regions by flood fill, pixel by pixel, and cases by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from carcinomap.evaluation import regions as module
from carcinomap.evaluation.regions import Regions

NAMES = ("truth", "found", "mapped", "right")


def detail(truth, mapped, counted=None, mpp=1.0):
    truth, mapped = np.array(truth, np.uint8), np.array(mapped, np.uint8)
    counted = np.ones(truth.shape, bool) if counted is None else np.array(counted, bool)
    return SimpleNamespace(truth=truth, mapped=mapped, counted=counted, mpp=mpp, to_slide=1.0)


def numbers(regions):
    return {name: getattr(regions, name).tolist() for name in NAMES}


@st.composite
def details(draw):
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))
    labels = hnp.arrays(np.uint8, shape, elements=st.integers(0, draw(st.integers(0, 3))))
    counted = draw(hnp.arrays(bool, shape, elements=st.sampled_from([True, True, True, False])))
    return detail(draw(labels), draw(labels), counted, draw(st.sampled_from([0.5, 1.0, 4.0])))


def flooded(labels, counted, index):
    """Return the pixels of each region of a class, by flood fill."""
    left = set(zip(*np.nonzero(counted & (labels == index)), strict=True))
    found = []
    while left:
        region, edge = set(), [left.pop()]
        while edge:
            row, column = edge.pop()
            region.add((row, column))
            near = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            edge += near
        found.append(region)
    return found


@settings(max_examples=150, deadline=None)
@given(details(), st.integers(0, 12), st.sampled_from([0.1, 0.5, 0.7, 1.0]), st.integers(1, 20))
def test_regions_equal_flood_fill_in_windows_of_any_size(slide, smallest, overlap, side):
    expected = {name: [] for name in NAMES}
    for index in range(4):
        true, mapped = (slide.truth, slide.mapped), (slide.mapped, slide.truth)
        for all_of, good, (own, other) in (("truth", "found", true), ("mapped", "right", mapped)):
            large = [
                region
                for region in flooded(own, slide.counted, index)
                if len(region) * slide.mpp**2 >= smallest
            ]
            agreeing = [sum(other[at] == index for at in region) for region in large]
            expected[all_of].append(len(large))
            expected[good].append(
                sum(n / len(r) >= overlap for n, r in zip(agreeing, large, strict=True))
            )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SIDE", side)
        assert numbers(Regions.of(slide, 4, smallest, overlap)) == expected


@settings(max_examples=100, deadline=None)
@given(details(), st.integers(0, 12), st.floats(0.01, 1))
def test_every_score_is_a_share_and_a_perfect_map_has_all(slide, smallest, overlap):
    regions = Regions.of(slide, 4, smallest, overlap)
    scores = [*regions.precision, *regions.recall, *regions.f1]
    assert all(score is None or 0 <= score <= 1 for score in scores)

    slide.mapped = slide.truth
    perfect = Regions.of(slide, 4, smallest, overlap)
    for scores in (perfect.precision, perfect.recall, perfect.f1):
        assert scores == tuple(1.0 if count else None for count in perfect.truth)


@settings(max_examples=50, deadline=None)
@given(details(), st.integers(0, 12))
def test_truth_and_map_change_places(slide, smallest):
    there = Regions.of(slide, 4, smallest, 0.5)
    slide.truth, slide.mapped = slide.mapped, slide.truth
    back = Regions.of(slide, 4, smallest, 0.5)
    assert (there.precision, there.recall, there.f1) == (back.recall, back.precision, back.f1)


def test_regions_by_hand():
    truth = [
        [1, 1, 0, 0, 2, 2],
        [1, 1, 0, 0, 2, 2],
        [0, 0, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 1],
    ]
    mapped = [
        [1, 1, 1, 0, 2, 0],
        [1, 1, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [2, 2, 0, 0, 0, 0],
    ]
    # Of class 1 a region of five pixels (corners touch) and one of a single pixel; the map has
    # one of six. Of class 2 one of four, a quarter of it mapped; the map has one of one, right,
    # and one of two, wrong.
    regions = Regions.of(detail(truth, mapped), 3, 0, 0.5)
    assert numbers(regions) == {
        "truth": [1, 2, 1],
        "found": [1, 1, 0],
        "mapped": [1, 1, 2],
        "right": [1, 1, 1],
    }
    assert regions.precision == (1.0, 1.0, 0.5)
    assert regions.recall == (1.0, 0.5, 0.0)
    assert regions.f1 == (1.0, pytest.approx(2 / 3), 0.0)


def test_a_split_lesion_is_found_and_so_is_each_of_two_that_merge():
    apart, one = [[1, 1, 0, 1, 1]], [[1, 1, 1, 1, 1]]
    split = Regions.of(detail(one, apart), 2, 0, 0.5)
    merged = Regions.of(detail(apart, one), 2, 0, 0.5)
    assert (split.truth[1], split.found[1], split.mapped[1], split.right[1]) == (1, 1, 2, 2)
    assert (merged.truth[1], merged.found[1], merged.mapped[1], merged.right[1]) == (2, 2, 1, 1)


def test_the_smallest_area_and_the_overlap_are_themselves_enough():
    truth = np.zeros((10, 10), np.uint8)
    mapped = truth.copy()
    truth[:, :] = 1
    mapped[0, :7] = 1
    # 7 / 100 is 0.07, although 0.07 * 100 is a little more than 7.
    regions = Regions.of(detail(truth, mapped, mpp=2.0), 2, 400, 0.07)
    assert (regions.truth[1], regions.found[1], regions.mapped[1]) == (1, 1, 0)
    assert Regions.of(detail(truth, mapped, mpp=2.0), 2, 401, 0.07).truth[1] == 0


def test_what_is_not_counted_belongs_to_no_region_and_parts_two():
    truth = [[1, 1, 1]]
    counted = [[True, False, True]]
    assert Regions.of(detail(truth, truth, counted), 2, 0, 0.5).truth.tolist() == [0, 2]
    nothing = Regions.of(detail(truth, truth, [[False] * 3]), 2, 0, 0.5)
    assert numbers(nothing) == numbers(Regions.empty(2))


def test_undefined_scores_are_none():
    def f1(truth, found, mapped, right):
        return Regions(*(np.array([n]) for n in (truth, found, mapped, right))).f1

    empty = Regions.empty(2)
    assert empty.precision == empty.recall == empty.f1 == (None, None)
    assert f1(0, 0, 2, 0) == f1(2, 0, 0, 0) == f1(2, 0, 2, 0) == (0.0,)
    assert f1(0, 0, 2, 1) == f1(2, 1, 0, 0) == (None,)


def test_slides_add_up():
    slide = Regions.of(detail([[1, 0, 1]], [[1, 0, 0]]), 2, 0, 0.6)
    total = numbers(slide + slide + slide)
    assert total == numbers(slide * 3)
    assert total == {"truth": [3, 6], "found": [3, 3], "mapped": [3, 3], "right": [0, 3]}
    assert numbers(Regions.empty(2) + slide) == numbers(slide)
    assert all(getattr(slide * 3, name).dtype == np.int64 for name in NAMES)


def test_json_gives_back_what_was_counted():
    slide = Regions.of(detail([[1, 0, 1]], [[1, 0, 0]]), 2, 0, 0.5)
    assert numbers(Regions.from_dict(slide.to_dict(), 2)) == numbers(slide)


@pytest.mark.parametrize(
    "change",
    [
        {"truth": [1]},
        {"truth": [1, -1]},
        {"truth": [1.0, 1.5]},
        {"truth": [1, 10**30]},
        {"truth": ["1", "2"]},
        {"truth": [[1], [1, 2]]},
        {"truth": None},
        {"found": [0, 9]},
        {"right": [9, 0]},
    ],
    ids=str,
)
def test_other_counts_are_refused(change):
    good = {"truth": [2, 2], "found": [1, 1], "mapped": [2, 2], "right": [1, 1]}
    assert numbers(Regions.from_dict(good, 2)) == good
    with pytest.raises(ValueError):  # noqa: PT011
        Regions.from_dict(good | change, 2)


@pytest.mark.parametrize("data", [None, 3, "truth", [1, 2], [], {}, {"truth": [1, 1]}], ids=str)
def test_what_is_no_count_of_regions_is_refused(data):
    with pytest.raises(ValueError, match="no counts of regions"):
        Regions.from_dict(data, 2)
