import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from shapely import Polygon

from carcinomap.annotation.drawing import Window
from carcinomap.annotation.tracing import TooManyRegionsError, block_count, trace

SMALL = arrays(
    np.uint8,
    st.tuples(st.integers(1, 14), st.integers(1, 14)),
    elements=st.sampled_from([0, 1, 2, 255]),
)


class ArrayLabels:
    def __init__(self, image):
        self.image = image
        self.height, self.width = image.shape

    def window(self, x, y, width, height):
        return np.ascontiguousarray(self.image[y : y + height, x : x + width])


@settings(deadline=None, max_examples=100)
@given(SMALL, st.sampled_from([2, 3, 5, 100]), st.sets(st.sampled_from([0, 1, 255])))
def test_drawing_what_was_traced_gives_the_image(image, block, skip):
    regions = list(trace(ArrayLabels(image), skip, block))
    assert shapely.is_valid([region.polygon for region in regions]).all()
    height, width = image.shape
    drawn = Window(0, 0, width, height, 1).draw((r.polygon, r.index) for r in regions)
    np.testing.assert_array_equal(drawn, np.where(np.isin(image, list(skip)), 0, image))
    once = list(trace(ArrayLabels(image), skip))
    assert sorted(r.index for r in regions) == sorted(r.index for r in once)


def test_a_ring_over_many_blocks_is_one_polygon_with_its_hole():
    image = np.zeros((90, 90), np.uint8)
    image[10:80, 10:80] = 7
    image[30:60, 30:60] = 0
    steps = []
    labels = ArrayLabels(image)
    (ring,) = trace(labels, (0,), 20, advance=lambda: steps.append(1))
    assert ring.index == 7
    (hole,) = ring.polygon.interiors
    assert Polygon(hole).equals(shapely.box(30, 30, 60, 60))
    assert ring.polygon.area == 70 * 70 - 30 * 30
    assert len(steps) == block_count(labels, 20) == 25


def test_noise_is_given_up():
    image = np.random.default_rng(0).integers(0, 256, (40, 40)).astype(np.uint8)
    with pytest.raises(TooManyRegionsError):
        list(trace(ArrayLabels(image), (), most=100))
