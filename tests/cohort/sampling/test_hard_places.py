import pytest
from sampled_sources import HALF, LARGE, SCHEME, SMALL, VIEW, keys, source

from carcinomap.cohort import Block, HardPlaces, PatchSampler, Sampling

OFTEN, SELDOM = (0, 3000.0, 1000.0, 0.9), (0, 1000.0, 3000.0, 0.1)
REACH = 2 * HALF * 0.25


def sampler(hard, *places, mine=None):
    made = PatchSampler([mine or source(LARGE, SMALL)], SCHEME, VIEW, 0, Sampling(hard=hard))
    made.hard_places = HardPlaces(places)
    return made


def share_near(drawn, place):
    _, x, y, _ = place
    near = [abs(key.x - x) <= REACH and abs(key.y - y) <= REACH for key in drawn]
    return sum(near) / len(near)


def test_hard_places_have_their_share_of_class_0_by_weight():
    drawn = keys(sampler(0.6, OFTEN, SELDOM), 125)
    assert share_near(drawn, OFTEN) == pytest.approx(0.6 / 3 * 0.9, abs=0.04)
    assert share_near(drawn, SELDOM) == pytest.approx(0.6 / 3 * 0.1, abs=0.02)


def test_other_classes_keep_their_shares():
    small = [
        share_near(keys(sampler(hard, OFTEN), 125), (0, 2550.0, 2550.0, 1.0)) for hard in (0, 1)
    ]
    assert small[0] > 0.1
    assert small[1] == pytest.approx(small[0], abs=0.05)


def test_without_places_or_a_share_nothing_changes():
    plain = keys(sampler(0.0), 10)
    assert keys(sampler(0.0, OFTEN), 10) == plain
    assert keys(sampler(0.5), 10) == plain
    assert keys(sampler(0.5, OFTEN), 10) != plain


def test_a_patch_of_a_hard_place_is_still_centred_on_class_0():
    """The place lies beside a region, into which the jitter would move half of the patches."""
    beside = (0, 1801.0, 1000.0, 1.0)
    mine = source(LARGE)
    chosen = sampler(1.0, beside, mine=mine)
    near = [key for key in keys(chosen, 60) if share_near([key], beside)]
    labels = [mine.label_at(key.x, key.y, SCHEME) for key in near]
    assert labels.count(0) / 480 == pytest.approx(1 / 2, abs=0.08)


def test_places_that_are_of_no_use_any_more_are_passed_over():
    outlined = (0, 1000.0, 1000.0, 1.0)
    held_out = (0, 3950.0, 1000.0, 1.0)
    mine = source(LARGE, SMALL).restricted(outside=Block(3800, 0, 4000, 4000))
    drawn = keys(sampler(1.0, outlined, held_out, mine=mine), 20)
    assert all(key.x <= 3800 - HALF for key in drawn)


def test_candidates_are_centred_on_class_0():
    mine = source(LARGE, ("normal", (2000, 200, 3800, 2000)))
    found = sampler(0.5, mine=mine).candidates(0, 60)
    assert len(found) == 60
    assert {mine.label_at(key.x, key.y, SCHEME) for key in found} == {0}
    assert {(key.orientation, key.scale) for key in found} == {(0, 1.0)}
    assert any(2000 < key.x < 3800 and 200 < key.y < 2000 for key in found)


def test_candidates_are_a_function_of_the_seed_and_the_round():
    one, other = sampler(0.5), sampler(0.5, OFTEN)
    assert one.candidates(3, 8) == other.candidates(3, 8)
    assert one.candidates(3, 8)[:4] == one.candidates(3, 4)
    assert one.candidates(3, 8) != one.candidates(4, 8)


def test_where_nothing_is_of_class_0_there_are_no_candidates():
    full = source(("invasive", (0, 0, 4000, 4000)))
    assert sampler(0.5, mine=full).candidates(0, 2) == []
