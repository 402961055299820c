"""Boundaries against distances taken point by point, and what every score must keep to."""

import json
import math
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from carcinomap.annotation import IGNORE
from carcinomap.evaluation import boundaries as module
from carcinomap.evaluation.boundaries import BINS, Boundaries
from carcinomap.evaluation.detail import Detail

CLASSES = 3


def detail(truth, mapped, counted=None, mpp=1.0):
    truth, mapped = np.array(truth, np.uint8), np.array(mapped, np.uint8)
    counted = truth != IGNORE if counted is None else np.array(counted)
    return Detail(truth, mapped, counted, mpp, to_slide=1)


@st.composite
def details(draw):
    """Small slides; some classes absent, some pixels ignored or not counted, some far apart."""
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=10))
    present = st.lists(st.integers(0, CLASSES - 1), min_size=1, max_size=CLASSES)
    truth = draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([*draw(present), IGNORE])))
    mapped = draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from(draw(present))))
    counted = draw(hnp.arrays(np.bool_, shape)) if draw(st.booleans()) else True
    mpp = draw(st.sampled_from([0.3, 1.0, 4.0, 400.0]))
    return detail(truth, mapped, (truth != IGNORE) & counted, mpp)


def points_of(labels, counted, index):
    """Return the boundary points of a class, one by one."""
    height, width = labels.shape
    points = []
    for i, j in np.ndindex(height, width):
        near = [(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)]
        inside = [(k, m) for k, m in near if 0 <= k < height and 0 <= m < width]
        others = [labels[at] for at in inside if counted[at]]
        if counted[i, j] and labels[i, j] == index and any(o != index for o in others):
            points.append((i, j))
    return points


def distances(points, others, mpp):
    """Return the distance of every point to the nearest of the others, in µm."""
    return [min((mpp * math.dist(p, o) for o in others), default=math.inf) for p in points]


@settings(max_examples=150, deadline=None)
@given(details(), st.sampled_from([0, 1, 2.5, 50, 1998, 5000]))
def test_scores_equal_distances_taken_point_by_point(slide, tolerance):
    ours = Boundaries.of(slide, CLASSES)
    for index in range(CLASSES):
        sets = [points_of(labels, slide.counted, index) for labels in (slide.truth, slide.mapped)]
        both = [distances(*pair, slide.mpp) for pair in (sets, sets[::-1])]
        for counts, expected in zip(ours.points[:, index], both, strict=True):
            bins = [min(math.ceil(d - 1e-9), BINS - 1) if d < BINS else BINS - 1 for d in expected]
            assert np.array_equal(counts, np.bincount(bins, minlength=BINS))
        every = [*both[0], *both[1]]
        near = sum(d <= min(math.floor(tolerance), BINS - 2) + 1e-9 for d in every)
        assert ours.surface_dice(tolerance)[index] == (near / len(every) if every else None)
        ranked = [np.percentile(d, 95, method="inverted_cdf") for d in both if d]
        farthest = max(ranked, default=None)
        if farthest is None or farthest > BINS - 2:
            assert ours.hausdorff_95[index] == (None if farthest is None else math.inf)
        else:
            assert 0 <= ours.hausdorff_95[index] - farthest + 1e-9 <= 1


@settings(max_examples=100, deadline=None)
@given(details())
def test_windows_make_no_difference(slide):
    whole = Boundaries.of(slide, CLASSES)
    with patch.object(module, "SIDE", 3):
        assert np.array_equal(Boundaries.of(slide, CLASSES).points, whole.points)


@settings(max_examples=100, deadline=None)
@given(details(), st.floats(0, 1000))
def test_scores_keep_their_range_and_a_perfect_map_has_them_all(slide, tolerance):
    scores = Boundaries.of(slide, CLASSES)
    assert all(s is None or 0 <= s <= 1 for s in scores.surface_dice(tolerance))
    assert all(h is None or h >= 0 for h in scores.hausdorff_95)
    perfect = Boundaries.of(detail(slide.truth, slide.truth, slide.counted, slide.mpp), CLASSES)
    assert set(perfect.surface_dice(0)) <= {1.0, None}
    assert set(perfect.hausdorff_95) <= {0.0, None}
    assert (perfect.surface_dice(0)[0] is None) == (not perfect.points[:, 0].any())


@settings(max_examples=50, deadline=None)
@given(details(), details())
def test_slides_add_and_multiply(first, second):
    one, other = (Boundaries.of(slide, CLASSES) for slide in (first, second))
    assert np.array_equal((one + other).points, one.points + other.points)
    assert np.array_equal((one * 3).points, (one + one + one).points)
    assert (one * 3).surface_dice(4) == one.surface_dice(4)
    assert (one * 3).hausdorff_95 == one.hausdorff_95
    assert (one + Boundaries.empty(CLASSES)).hausdorff_95 == one.hausdorff_95


def test_a_square_that_is_mapped_aside():
    truth, mapped = np.zeros((2, 30, 40), np.uint8)
    truth[10:20, 10:20] = 1
    mapped[10:20, 13:23] = 1
    ours = Boundaries.of(detail(truth, mapped, mpp=4), 2)
    # Of the 36 points of a square, 14 of two sides that slide along themselves are met again.
    assert ours.points[0, 1, 0] == ours.points[1, 1, 0] == 14
    assert ours.points[:, 1].sum() == 72
    assert ours.surface_dice(11.9)[1] < 1
    assert ours.surface_dice(12)[1] == 1
    assert ours.hausdorff_95[1] == 12


def test_a_whole_number_of_microns_is_not_rounded_up():
    assert 25 * 4.4 > 110
    columns = np.arange(60)[None]
    ours = Boundaries.of(detail(columns >= 10, columns >= 35, mpp=4.4), 2)
    assert ours.hausdorff_95 == (110, 110)
    assert ours.surface_dice(110) == (1, 1)
    assert ours.surface_dice(109.9) == (0, 0)


def test_neither_the_rim_nor_what_does_not_count_is_a_boundary():
    truth = [[1, 1, 1], [1, 1, IGNORE], [1, 1, 0]]
    mapped = [[1, 1, 0], [1, 1, 0], [1, 1, 1]]
    counted = [[True, True, False], [True, True, False], [True, True, False]]
    assert not Boundaries.of(detail(truth, mapped, counted), 2).points.any()


def test_a_boundary_that_the_map_lacks_is_infinitely_far():
    truth = np.zeros((6, 6), np.uint8)
    truth[2:4, 2:4] = 1
    ours = Boundaries.of(detail(truth, np.zeros_like(truth)), CLASSES)
    assert ours.surface_dice(1000) == (0.0, 0.0, None)
    assert ours.hausdorff_95 == (math.inf, math.inf, None)


@pytest.mark.parametrize(
    "label", [0, 1, IGNORE], ids=["a background pixel", "a pixel", "an ignored pixel"]
)
def test_one_pixel_has_no_boundary(label):
    ours = Boundaries.of(detail([[label]], [[1]]), 2)
    assert ours.surface_dice(50) == ours.hausdorff_95 == (None, None)


def test_five_percent_may_lie_anywhere():
    points = np.zeros((2, 1, BINS), np.int64)
    points[0, 0, [3, BINS - 1]] = 19, 1
    assert Boundaries(points).hausdorff_95 == (3.0,)
    points[0, 0, BINS - 1] = 2
    assert Boundaries(points).hausdorff_95 == (math.inf,)


@settings(max_examples=50, deadline=None)
@given(details())
def test_json_brings_them_back(slide):
    ours = Boundaries.of(slide, CLASSES)
    read = Boundaries.from_dict(json.loads(json.dumps(ours.to_dict())), CLASSES)
    assert np.array_equal(read.points, ours.points)


def one_class(bins, points):
    return {"bin_um": 1.0, "truth": [{"bins": bins, "points": points}], "mapped": [EMPTY]}


EMPTY = {"bins": [], "points": []}
HOSTILE = {
    "a list": [],
    "nothing": {},
    "other bins": {**one_class([], []), "bin_um": 2.0},
    "a number for a side": {**one_class([], []), "mapped": 3},
    "too many classes": {**one_class([], []), "mapped": [EMPTY, EMPTY]},
    "text for a class": {**one_class([], []), "mapped": "x"},
    "no bins": {**one_class([], []), "mapped": [{}]},
    "a number for bins": one_class(3, 3),
    "a bin beyond the last": one_class([BINS], [1]),
    "a bin below the first": one_class([-1], [1]),
    "bins out of order": one_class([2, 1], [1, 1]),
    "a bin twice": one_class([1, 1], [1, 1]),
    "fewer points than bins": one_class([1, 2], [1]),
    "negative": one_class([1], [-1]),
    "not whole": one_class([1], [1.5]),
    "not a number": one_class([1], [math.nan]),
    "absurd": one_class([1], [10**30]),
    "absurd together": one_class(list(range(BINS)), [10**14] * BINS),
    "ragged": one_class([[1], [1, 2]], [1, 1]),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_anything_else_is_refused(data):
    with pytest.raises(ValueError, match=r"\w"):
        Boundaries.from_dict(data, 1)
