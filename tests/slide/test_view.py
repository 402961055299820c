"""What a network sees beyond the edge of a slide."""

import numpy as np
import pytest
from overviews import MemorySlide

from carcinomap.slide import View, read_mirrored

PIXELS = np.random.default_rng(0).integers(0, 250, (60, 90, 3), np.uint8)


@pytest.fixture
def slide():
    return MemorySlide(PIXELS, 0.5)


@pytest.mark.parametrize(
    ("x", "y", "width", "height"),
    [(-20, 10, 40, 30), (70, -300, 64, 700), (-500, -500, 1200, 1200), (5, 6, 20, 20)],
)
def test_it_is_the_mirror_image(slide, x, y, width, height):
    around = np.pad(PIXELS, ((800, 800), (800, 800), (0, 0)), mode="symmetric")
    expected = around[800 + y : 800 + y + height, 800 + x : 800 + x + width]
    np.testing.assert_array_equal(read_mirrored(slide, x, y, width, height, 0.5), expected)


def test_pixels_that_are_half_on_the_slide_are_not_used(slide):
    image = read_mirrored(slide, -3.3, 0, 30, 20, 1.0)
    known = slide.read(-3.3, 0, 30, 20, 1.0)
    # The second pixel reaches from -1.3 to 0.7; the third is the first whole one.
    np.testing.assert_array_equal(image[:, 2:], known[:, 2:])
    np.testing.assert_array_equal(image[:, :2], known[:, [3, 2]])


def test_where_nothing_of_a_slide_is_to_be_seen_it_is_white(slide):
    assert (read_mirrored(slide, 1000, 0, 32, 32, 0.5) == 255).all()
    assert (View(0.5, 32).read(slide, -500, 20) == 255).all()


def test_a_view_beyond_the_edge(slide):
    image = View(0.5, 32).read(slide, 0, 30)
    np.testing.assert_array_equal(image[:, :16], image[:, 16:][:, ::-1])
