import contextlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from overviews import INKS, MemorySlide, glass
from stained import PINK, PURPLE, amounts, stained, stained_slide

from carcinomap.errors import InputError
from carcinomap.slide import find_tissue, open_slide
from carcinomap.slide.stain import (
    REFERENCE,
    StainStatistics,
    median_of,
    statistics_of,
    typical_stain,
)
from carcinomap.slide.stain.measuring import WINDOWS


def degrees(one, other):
    return np.degrees(np.arccos(min(1.0, np.dot(one, other))))


@pytest.mark.parametrize("stain", [PURPLE, PINK], ids=["purple", "pink"])
def test_finds_the_stains_that_the_tissue_was_made_with(stain):
    found = statistics_of(stained_slide(stain))
    np.testing.assert_allclose(found.glass, stain.glass, atol=1)
    assert degrees(found.haematoxylin, stain.haematoxylin) < 2
    assert degrees(found.eosin, stain.eosin) < 2
    ratio = np.divide(found.most, stain.most)
    assert (ratio > 0.75).all()
    assert (ratio < 1).all()  # no pixel has all of a stain and nothing of the other


def test_a_large_slide_is_sampled_and_says_the_same():
    slide = stained_slide(PURPLE, rows=1200, columns=1240)
    reads = []
    read = slide.read
    slide.read = lambda *window: reads.append(window) or read(*window)
    found = statistics_of(slide, find_tissue(slide))
    assert WINDOWS / 2 < len(reads) <= WINDOWS + 2  # the slide's glass and tissue, once each
    assert degrees(found.haematoxylin, PURPLE.haematoxylin) < 2
    assert found == statistics_of(stained_slide(PURPLE, rows=1200, columns=1240))


@pytest.mark.parametrize("ink", INKS)
def test_pen_on_the_tissue_does_not_count(ink):
    clean = statistics_of(stained_slide(PURPLE))
    slide = stained_slide(PURPLE)
    slide.image[250:330] = (slide.image[250:330] * (np.array(INKS[ink]) / 255)).astype(np.uint8)
    found = statistics_of(slide)
    assert degrees(found.haematoxylin, clean.haematoxylin) < 3
    assert degrees(found.eosin, clean.eosin) < 3


def even(colour):
    image = glass(480, 640)
    image[100:, :] = colour
    return image


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (np.full((400, 400, 3), 255, np.uint8), "too little stained tissue"),
        (np.zeros((400, 400, 3), np.uint8), "too little stained tissue"),
        (glass(), "too little stained tissue"),
        (np.full((1, 1, 3), 120, np.uint8), "too little stained tissue"),
        (stained(PURPLE, amounts(160, 160)), "too little stained tissue"),
        (even((200, 110, 160)), "does not show two stains"),
    ],
    ids=["white", "black", "glass", "one pixel", "a fragment", "one colour"],
)
def test_what_does_not_tell_is_an_error_that_says_what_to_do(image, told):
    with pytest.raises(InputError, match=rf"made\.svs: .*{told}.*--normalise none"):
        statistics_of(MemorySlide(image, 1.0))


def test_the_typical_stain_is_the_median_of_what_can_tell():
    slides = [stained_slide(PURPLE), stained_slide(PURPLE, seed=1), stained_slide(PINK)]
    apart = [statistics_of(slide) for slide in slides]
    found = typical_stain([*slides, MemorySlide(glass(), 1.0)])
    assert found == median_of(apart)
    np.testing.assert_allclose(found.glass, apart[0].glass, atol=1)
    assert typical_stain([MemorySlide(glass(), 1.0)]) is None


def test_is_plain_json_and_comes_back():
    assert StainStatistics.from_dict(json.loads(json.dumps(PINK.to_dict()))) == PINK
    assert StainStatistics.from_dict(REFERENCE.to_dict()) == REFERENCE


def changed(key, value):
    return {**PINK.to_dict(), key: value}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "dictionary"),
        ([], "dictionary"),
        ({}, "glass"),
        (changed("more", 1), "more"),
        (changed("glass", [240, 240]), "glass"),
        (changed("glass", [240, 240, "240"]), "glass"),
        (changed("glass", [240, 240, True]), "glass"),
        (changed("glass", [240, 240, 0]), "glass"),
        (changed("glass", [240, 240, 10**400]), "glass"),
        (changed("mean", [0, float("nan"), 0]), "mean"),
        (changed("spread", [0.1, float("inf"), 0.1]), "spread"),
        (changed("spread", [0.1, 0, 0.1]), "spread"),
        (changed("most", [0, 1]), "most"),
        (changed("eosin", [0, 0, 0]), "length of eosin"),
        (changed("eosin", PINK.haematoxylin), "same colour"),
        (changed("eosin", [-part for part in PINK.haematoxylin]), "same colour"),
    ],
)
def test_hostile_values_are_refused(value, told):
    with pytest.raises(InputError, match=told):
        StainStatistics.from_dict(value)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.sampled_from(sorted(PINK.to_dict())), ANYTHING)
def test_whatever_stands_there_is_statistics_or_an_input_error(key, value):
    with contextlib.suppress(InputError):
        found = StainStatistics.from_dict(changed(key, value))
        assert StainStatistics.from_dict(found.to_dict()) == found


def test_real_slides_have_two_stains(real_data):
    for name, mpp in (
        ("bach/A03_dev.svs", None),
        ("slides/cmu-1-small-region.svs", None),
        ("slides/tcga-cr-7395.svs", 0.25),
        ("glas/testA_1.svs", None),
    ):
        with open_slide(real_data / name, mpp) as slide:
            found = statistics_of(slide)
        assert found.haematoxylin[0] > found.eosin[0] + 0.1
        assert 15 < degrees(found.haematoxylin, found.eosin) < 60
