from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sampled_sources import LARGE, SCHEME, SMALL, VIEW, keys, source

from carcinomap.cohort import PatchSampler, Sampling

NORMAL = ("normal", (2000, 200, 2600, 800))
# On one slide a large and a small region, on another a large one.
UNEVEN = [
    source(("benign", (200, 200, 1600, 1600)), ("benign", (3000, 3000, 3200, 3200)), case=0),
    source(("benign", (200, 200, 600, 1200)), case=1),
]


def shares(sources, sampling, name, steps=125):
    """Return the share of the keys by what ``name`` calls them, of 8 × ``steps``."""
    sampler = PatchSampler(sources, SCHEME, VIEW, 0, sampling)
    counts = Counter(map(name, keys(sampler, steps)))
    return {key: count / (8 * steps) for key, count in counts.items()}


def class_of(slide):
    return lambda key: slide.label_at(key.x, key.y, SCHEME)


def region(key):
    return key.case, key.x > 2000


@pytest.mark.parametrize(
    ("slides", "polygons", "expected"),
    [
        ("area", "area", {(0, False): 196 / 240, (0, True): 4 / 240, (1, False): 40 / 240}),
        ("equally", "area", {(0, False): 98 / 200, (0, True): 2 / 200, (1, False): 1 / 2}),
        ("area", "equally", {(0, False): 100 / 240, (0, True): 100 / 240, (1, False): 40 / 240}),
        ("equally", "equally", {(0, False): 1 / 4, (0, True): 1 / 4, (1, False): 1 / 2}),
    ],
)
def test_slides_and_regions_come_up_as_asked(slides, polygons, expected):
    asked = Sampling(slides, polygons, background=0.0, jitter=0.0)
    found = shares(UNEVEN, asked, region)
    for place, share in expected.items():
        assert found.get(place, 0.0) == pytest.approx(share, abs=0.05)  # over three deviations


def test_tissue_is_spread_over_slides_as_asked():
    sources = [source(case=0), source(case=1, tissue=(0, 0, 2000, 2000))]
    by_area, equally = (
        shares(sources, Sampling(slides), lambda key: key.case) for slides in ("area", "equally")
    )
    assert by_area[1] == pytest.approx(1 / 5, abs=0.05)
    assert equally[1] == pytest.approx(1 / 2, abs=0.05)


@settings(max_examples=8, deadline=None)
@given(st.floats(0, 1))
def test_background_has_its_share_and_the_outlined_classes_equal_ones(background):
    slide = source(LARGE, SMALL, NORMAL)
    left, top, right, bottom = NORMAL[1]

    def name(key):
        inside = left <= key.x <= right and top <= key.y <= bottom
        return "normal" if inside else class_of(slide)(key)

    found = shares([slide], Sampling(background=background, jitter=0.0), name)
    assert found.get(0, 0.0) == pytest.approx(background, abs=0.055)
    for outlined in ("normal", 2, 3):
        assert found.get(outlined, 0.0) == pytest.approx((1 - background) / 3, abs=0.055)


def test_without_a_share_of_background_all_classes_are_equal():
    slide = source(LARGE, SMALL, NORMAL)
    found = shares([slide], Sampling(jitter=0.0), class_of(slide))
    assert found == {index: pytest.approx(1 / 3, abs=0.05) for index in (0, 2, 3)}


def test_no_background_and_nothing_else():
    """What is not there leaves its share to the rest."""
    bare = source()
    assert shares([bare], Sampling(background=0.0), class_of(bare), 5) == {0: 1.0}
    full = source(("invasive", (0, 0, 4000, 4000)))
    assert shares([full], Sampling(background=0.5, jitter=0.0), class_of(full), 2) == {3: 1.0}


def test_classes_are_those_that_are_drawn():
    def drawn(**asked):
        return PatchSampler([source(LARGE)], SCHEME, VIEW, 0, Sampling(**asked)).classes

    assert drawn() == drawn(background=0.1) == (0, 3)
    assert drawn(background=0.0) == (3,)


def test_jitter_is_a_share_of_the_side():
    sampler = PatchSampler([source(SMALL)], SCHEME, VIEW, 0, Sampling(background=0.0, jitter=0.5))
    xs = [key.x for key in keys(sampler, 100)]
    assert 2500 - 64 <= min(xs) < 2500 - 40
    assert 2600 + 40 < max(xs) <= 2600 + 64
