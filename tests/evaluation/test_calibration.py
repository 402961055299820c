"""Calibration against an independent implementation, and what it must keep to."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torchmetrics.functional.classification import multiclass_calibration_error

from carcinomap.evaluation.calibration import BINS, Calibration


@st.composite
def probability_maps(draw):
    """Truth, quantised probabilities and what counts; some pixels not mapped, some sure."""
    classes = draw(st.integers(2, 5))
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=8))
    values = st.one_of(st.sampled_from([0, 51, 255]), st.integers(0, 255))
    truth = draw(hnp.arrays(np.uint8, shape, elements=st.integers(0, classes - 1)))
    planes = draw(hnp.arrays(np.uint8, (classes, *shape), elements=values))
    return truth, planes, draw(hnp.arrays(np.bool_, shape))


def same(one, other):
    return (
        np.array_equal(one.pixels, other.pixels)
        and np.array_equal(one.right, other.right)
        and np.allclose(one.confidence, other.confidence, rtol=1e-12)
    )


@settings(max_examples=150, deadline=None)
@given(probability_maps())
def test_error_equals_torchmetrics(maps):
    truth, planes, counted = maps
    seen = counted & (planes.sum(axis=0) > 0)
    ours = Calibration.of(truth, planes, counted).error
    if not seen.any():
        assert ours is None
        return
    values = torch.from_numpy(planes[:, seen].T.astype(np.float32))
    # Its bins include the lower edge, these the upper: a hair less lands it in the same ones.
    shares = values / values.sum(dim=1, keepdim=True) * (1 - 1e-6)
    target = torch.from_numpy(truth[seen].astype(np.int64))
    theirs = multiclass_calibration_error(shares, target, len(planes), n_bins=BINS)
    assert ours == pytest.approx(theirs.item(), abs=1e-5)


@settings(max_examples=100, deadline=None)
@given(probability_maps())
def test_bins_equal_pixels_taken_one_by_one(maps):
    truth, planes, counted = maps
    pixels, right, confidence = np.zeros((3, BINS))
    for at in zip(*np.nonzero(counted), strict=True):
        values = planes[(slice(None), *at)].tolist()
        if sum(values):
            edge = next(k for k in range(BINS) if max(values) * BINS <= (k + 1) * sum(values))
            pixels[edge] += 1
            right[edge] += values.index(max(values)) == truth[at]
            confidence[edge] += max(values) / sum(values)
    assert same(Calibration.of(*maps), Calibration(pixels, right, confidence))


@settings(max_examples=100, deadline=None)
@given(probability_maps(), st.integers(0, 8))
def test_windows_add_up_to_the_whole(maps, cut):
    parts = [
        Calibration.of(*(plane[..., columns] for plane in maps))
        for columns in (slice(None, cut), slice(cut, None))
    ]
    whole = Calibration.of(*maps)
    assert same(parts[0] + parts[1], whole)
    assert same(whole * 3, whole + whole + whole)
    assert same(whole + Calibration.empty(4), whole)


@settings(max_examples=100, deadline=None)
@given(probability_maps())
def test_scores_keep_their_range_and_a_perfect_map_has_no_error(maps):
    truth, planes, counted = maps
    calibration = Calibration.of(*maps)
    assert calibration.error is None or 0 <= calibration.error <= 1
    assert sum(entry.pixels for entry in calibration.reliability) == calibration.pixels.sum()
    assert all(0 < e.confidence <= 1 and 0 <= e.right <= 1 for e in calibration.reliability)

    sure = ((truth == np.arange(len(planes))[:, None, None]) * 255).astype(np.uint8)
    assert Calibration.of(truth, sure, counted).error == (0.0 if counted.any() else None)


def test_reliability_by_hand():
    # Two pixels at 80 %, one of them right; one at 50 %, right; one that is not mapped.
    truth = np.array([[1, 0, 0, 0]], np.uint8)
    planes = np.array([[[51, 51, 127, 0]], [[204, 204, 127, 0]]], np.uint8)
    calibration = Calibration.of(truth, planes, np.ones((1, 4), np.bool_))
    assert calibration.reliability == [
        (pytest.approx(0.5), 1.0, 1),
        (pytest.approx(0.8), 0.5, 2),
    ]
    assert calibration.error == pytest.approx((0.5 * 1 + 0.3 * 2) / 3)


def test_no_pixel_has_no_error():
    nothing = np.zeros((1, 1), np.bool_)
    sure = np.full((2, 1, 1), 255, np.uint8)
    for planes, counted in ((sure, nothing), (sure * 0, ~nothing)):
        calibration = Calibration.of(np.zeros((1, 1), np.uint8), planes, counted)
        assert calibration.error is None
        assert calibration.reliability == []


@settings(max_examples=50, deadline=None)
@given(probability_maps())
def test_json_brings_it_back(maps):
    ours = Calibration.of(*maps)
    read = Calibration.from_dict(json.loads(json.dumps(ours.to_dict())), 4)
    assert same(read, ours)
    assert read.error == ours.error


NONE = [0] * BINS
GOOD = {"pixels": [9] * BINS, "right": [8] * BINS, "confidence": [8.5] * BINS}
HOSTILE = {
    "a list": [],
    "nothing": {},
    "text": {**GOOD, "confidence": "much"},
    "an object": {**GOOD, "confidence": [{}] * BINS},
    "too few bins": {**GOOD, "pixels": [9]},
    "too few sums": {**GOOD, "confidence": [8.5]},
    "negative": {**GOOD, "right": [-1] * BINS},
    "not whole": {**GOOD, "right": [0.5] * BINS},
    "absurd": {**GOOD, "pixels": [10**30] * BINS},
    "more right than there are": {**GOOD, "pixels": [7] * BINS, "confidence": NONE},
    "sums without pixels": {**GOOD, "pixels": NONE, "right": NONE},
    "negative sums": {**GOOD, "confidence": [-1.0] * BINS},
    "not a number": {**GOOD, "confidence": [math.nan] * BINS},
    "a huge sum": {**GOOD, "confidence": [10**400] * BINS},
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_anything_else_is_refused(data):
    assert Calibration.from_dict(GOOD, 4).pixels.sum() == 9 * BINS
    with pytest.raises(ValueError, match=r"\w"):
        Calibration.from_dict(data, 4)
