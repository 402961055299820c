from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sampled_sources import HALF, LARGE, SCHEME, SMALL, VIEW, keys, source

from carcinomap.cohort import Block, HardPlaces, PatchSampler, Sampling
from carcinomap.errors import InputError
from carcinomap.slide import View

LABELS = ("normal", "benign", "in situ", "invasive")
SIDE = 2000

boxes = st.tuples(
    st.sampled_from(LABELS), *(st.integers(0, 1800),) * 2, *(st.integers(30, 1500),) * 2
).map(lambda box: (box[0], (box[1], box[2], box[1] + box[3], box[2] + box[4])))
spreads = st.sampled_from(["area", "equally"])
samplings = st.builds(
    Sampling,
    slides=spreads,
    polygons=spreads,
    background=st.none() | st.floats(0, 1),
    hard=st.floats(0, 1),
    jitter=st.floats(0, 0.5),
    scale_jitter=st.floats(0, 0.5),
)
hard_places = st.lists(
    st.tuples(st.just(0), *(st.floats(0, SIDE - 1),) * 2, st.floats(0.01, 1)), max_size=4
).map(lambda places: HardPlaces(tuple(places)))


@st.composite
def samplers(draw, sampling=samplings):
    """Draw sources and what makes samplers of them, always the same ones."""
    held_out = Block(0, 0, SIDE, draw(st.integers(0, 900)))
    sources = [
        source(*draw(st.lists(boxes, max_size=4)), case=case, side=SIDE).restricted(
            outside=held_out
        )
        for case in range(draw(st.integers(1, 3)))
    ]
    chosen, seed, hard = draw(sampling), draw(st.integers(0, 99)), draw(hard_places)

    def make():
        sampler = PatchSampler(sources, SCHEME, VIEW, seed, chosen)
        sampler.hard_places = hard
        return sampler

    return sources, chosen, make


@settings(max_examples=60, deadline=None)
@given(samplers(), st.integers(0, 10**6), st.integers(2, 5))
def test_a_key_is_a_function_of_its_step_and_sample(drawn, step, size):
    _, _, make = drawn
    whole = make().batch(step, size)
    again = make()
    assert [again.key(step, sample) for sample in reversed(range(size))] == whole[::-1]


@settings(max_examples=60, deadline=None)
@given(samplers())
def test_patches_lie_where_they_may(drawn):
    sources, sampling, make = drawn
    for key in keys(make(), 4, 4):
        mine = sources[key.case]
        half = HALF * key.scale
        assert half - 0.01 <= key.x <= SIDE - half + 0.01
        assert half - 0.01 <= key.y <= SIDE - half + 0.01
        assert key.y - half >= mine.outside.bottom or mine.outside.bottom == 0
        assert abs(key.scale - 1) <= sampling.scale_jitter + 1e-4
        assert 0 <= key.orientation < 8


unmoved = samplings.map(lambda s: Sampling(s.slides, s.polygons, s.background, s.hard, jitter=0.0))


@settings(max_examples=60, deadline=None)
@given(samplers(unmoved))
def test_patches_are_centred_on_tissue_of_their_classes(drawn):
    sources, _, make = drawn
    sampler = make()
    for key in keys(sampler, 4, 4):
        mine = sources[key.case]
        assert mine.is_tissue(key.x, key.y)
        # A centre less than half a patch from the edge was moved off it, and may have left it.
        if HALF < key.x < SIDE - HALF and HALF < key.y < SIDE - HALF:
            assert mine.label_at(key.x, key.y, SCHEME) in sampler.classes


@settings(max_examples=30, deadline=None)
@given(samplers(), hard_places)
def test_going_on_is_as_never_having_stopped(drawn, found):
    """Hard places found between two steps are all that a sampler has to be told."""
    _, _, make = drawn
    whole = make()
    uninterrupted = whole.batch(0, 4)
    whole.hard_places = found
    uninterrupted += whole.batch(1, 4)
    resumed = make()
    resumed.hard_places = HardPlaces(tuple(map(tuple, map(list, whole.hard_places.places))))
    assert make().batch(0, 4) + resumed.batch(1, 4) == uninterrupted


def test_seeds_differ():
    one, other = (PatchSampler([source(LARGE, SMALL)], SCHEME, VIEW, seed) for seed in (3, 4))
    assert keys(one, 5) != keys(other, 5)


def test_classes_are_balanced_whatever_their_area():
    sampler = PatchSampler([source(LARGE, SMALL, tissue=(0, 0, 3000, 3000))], SCHEME, VIEW, 0)
    assert sampler.classes == (0, 2, 3)
    near = Counter()
    for key in keys(sampler, 100):
        near["small"] += abs(key.x - 2550) < 50 + HALF and abs(key.y - 2550) < 50 + HALF
        near["large"] += key.x < 1800 + HALF / 2 and key.y < 1800 + HALF / 2
        near["all"] += 1
    assert near["small"] / near["all"] == pytest.approx(1 / 3, abs=0.06)
    assert near["large"] / near["all"] == pytest.approx(1 / 3 + 1 / 50, abs=0.08)


def test_small_slide_is_centred():
    for key in keys(PatchSampler([source(side=96)], SCHEME, VIEW, 1), 2):
        assert (key.x, key.y) == (48, 48)


def test_covered_part_of_a_region_is_not_drawn_for_it():
    """The later region lies on top: its place belongs to its class."""
    covered = source(("benign", (0, 0, 4000, 4000)), ("invasive", (0, 0, 4000, 2000)))
    sampler = PatchSampler([covered], SCHEME, View(1.0, 64), 0)
    benign = [k for k in keys(sampler, 60) if k.y > 2000]
    assert 0.4 < len(benign) / 480 < 0.6


def test_class_that_is_wholly_covered_leaves_its_share_to_the_others():
    hidden = source(("benign", (500, 500, 900, 900)), ("invasive", (400, 400, 1000, 1000)))
    sampler = PatchSampler([hidden], SCHEME, VIEW, 0, Sampling(jitter=0.0))
    drawn = Counter(hidden.label_at(key.x, key.y, SCHEME) for key in keys(sampler, 20))
    assert set(drawn) == {0, 3}
    assert drawn[3] / 160 == pytest.approx(1 / 2, abs=0.12)


def test_regions_off_the_tissue_teach_nothing():
    bare = source(("benign", (3000, 3000, 3600, 3600)), tissue=(0, 0, 1600, 1600))
    for key in keys(PatchSampler([bare], SCHEME, VIEW, 0), 5):
        assert max(key.x, key.y) < 1600 + HALF


def test_block_keeps_training_and_validation_apart():
    block = Block(0, 0, 1000, 4000)
    whole = source(LARGE, SMALL)
    sampler = PatchSampler([whole.restricted(outside=block)], SCHEME, VIEW, 0)
    assert all(key.x >= 1000 + HALF for key in keys(sampler))


def test_nothing_to_draw():
    with pytest.raises(InputError, match="no tissue"):
        PatchSampler([source(tissue=(0, 0, 0, 0))], SCHEME, VIEW, 0)


def test_no_room_beside_validation_is_told():
    everywhere = source(LARGE).restricted(outside=Block(20, 20, 3980, 3980))
    with pytest.raises(InputError, match="smaller --patch"):
        PatchSampler([everywhere], SCHEME, VIEW, 0)


def test_where_larger_patches_find_no_room_they_are_not_magnified():
    narrow = source(LARGE).restricted(outside=Block(0, 0, 4000 - 2.1 * HALF, 4000))
    sampler = PatchSampler([narrow], SCHEME, VIEW, 0, Sampling(scale_jitter=0.5))
    scales = [key.scale for key in keys(sampler, 5)]
    assert max(scales) <= 1.05
    assert 1.0 in scales


def test_strip_beside_validation_is_drawn_from_whatever_the_scale():
    """There is room for a patch beside the block, if little."""
    strip = source(LARGE).restricted(outside=Block(0, 0, 4000 - 2.5 * HALF, 4000))
    sampler = PatchSampler([strip], SCHEME, VIEW, 0, Sampling(scale_jitter=0.2))
    assert all(key.x - HALF * key.scale >= strip.outside.right for key in keys(sampler, 5))
