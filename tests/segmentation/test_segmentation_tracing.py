from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.ndimage
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rasterio.features import rasterize
from segmentation_maps import ArrayLabels, smooth

from carcinomap.segmentation.outlines.tracing import Region, join, trace, trace_block
from carcinomap.segmentation.unfinished.spool import NOT_MAPPED

SMALL = arrays(
    np.uint8,
    st.tuples(st.integers(1, 14), st.integers(1, 14)),
    elements=st.sampled_from([0, 1, 2, 3, NOT_MAPPED]),
)


def drawn(regions: list[Region], shape: tuple[int, int]) -> np.ndarray:
    if not regions:
        return np.zeros(shape, np.uint8)
    return rasterize([(region.polygon, region.index) for region in regions], shape, dtype=np.uint8)


def areas(regions: list[Region]) -> dict[int, float]:
    return {i: sum(r.polygon.area for r in regions if r.index == i) for i in (1, 2, 3)}


@settings(deadline=None, max_examples=150)
@given(SMALL, st.sampled_from([2, 3, 5, 100]))
def test_outlines_that_are_not_simplified_are_the_map(image: np.ndarray, block: int) -> None:
    regions = trace(ArrayLabels(image), 0, 0, block)
    assert shapely.is_valid([region.polygon for region in regions]).all()
    assert areas(regions) == {index: np.count_nonzero(image == index) for index in (1, 2, 3)}
    for index in (1, 2, 3):
        connected = scipy.ndimage.label(image == index)[1]
        assert sum(region.index == index for region in regions) == connected
    np.testing.assert_array_equal(
        drawn(regions, image.shape), np.where(image == NOT_MAPPED, 0, image)
    )


@settings(deadline=None, max_examples=100)
@given(SMALL, st.sampled_from([4, 100]), st.floats(0, 3), st.integers(0, 6))
def test_neighbours_neither_overlap_nor_gap(
    image: np.ndarray, block: int, tolerance: float, min_area: int
) -> None:
    polygons = [r.polygon for r in trace(ArrayLabels(image), min_area, tolerance, block)]
    assert shapely.is_valid(polygons).all()
    assert shapely.coverage_is_valid(polygons)
    assert all(polygon.area >= min_area for polygon in polygons) or tolerance > 0


@pytest.mark.parametrize("block", [64, 1024])
def test_a_smooth_map_is_simplified_to_a_fraction_of_its_corners(block: int) -> None:
    image = smooth(300, 8, seed=3)
    exact = trace(ArrayLabels(image), 0, 0, block)
    simple = trace(ArrayLabels(image), 0, 2.0, block)
    polygons = [region.polygon for region in simple]
    assert shapely.is_valid(polygons).all()
    assert shapely.coverage_is_valid(polygons)
    assert shapely.union_all(polygons).area == pytest.approx(sum(areas(simple).values()))
    before, after = (
        sum(shapely.get_num_coordinates([r.polygon for r in rs])) for rs in (exact, simple)
    )
    assert after < before / 4
    wrong = drawn(simple, image.shape) != image
    assert wrong.mean() < 0.03
    # Nothing strays further than a few pixels from where it was.
    inner = scipy.ndimage.minimum_filter(image, 9) == scipy.ndimage.maximum_filter(image, 9)
    assert not (wrong & inner).any()


def test_a_ring_over_four_blocks_is_one_polygon_with_its_hole() -> None:
    image = np.zeros((100, 100), np.uint8)
    image[20:80, 20:80] = 3
    image[40:60, 40:60] = 1
    image[45:55, 45:55] = 0
    regions = sorted(trace(ArrayLabels(image), 0, 0, block=50), key=lambda one: one.index)
    assert [region.index for region in regions] == [1, 3]
    for region, hole, area in zip(regions, (100, 400), (300, 3200), strict=True):
        assert len(region.polygon.interiors) == 1
        assert shapely.Polygon(region.polygon.interiors[0]).area == hole
        assert region.polygon.area == area


def test_small_regions_go_and_small_holes_close() -> None:
    image = np.zeros((60, 60), np.uint8)
    image[5:35, 5:35] = 2
    image[10:13, 10:13] = 0  # a hole of 9
    image[20:30, 20:30] = 3  # a region of 100 in a hole of 100
    image[24:26, 24:26] = 1  # a region of 4 within
    image[50:52, 50:52] = 1  # a region of 4 by itself
    regions = trace(ArrayLabels(image), 10, 0)
    assert {region.index: len(region.polygon.interiors) for region in regions} == {2: 1, 3: 0}
    assert len(regions) == 2
    assert areas(regions) == {1: 0, 2: 800, 3: 100}


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 999), st.sampled_from([5, 40]))
def test_dropping_and_closing_never_make_an_overlap(seed: int, min_area: int) -> None:
    image = smooth(60, 1.5, seed)
    for block in (25, 1024):
        polygons = [r.polygon for r in trace(ArrayLabels(image), min_area, 1.0, block)]
        assert shapely.union_all(polygons).area == pytest.approx(sum(p.area for p in polygons))


def test_an_empty_map_has_no_regions() -> None:
    for value in (0, NOT_MAPPED):
        assert trace(ArrayLabels(np.full((50, 50), value, np.uint8)), 0, 1) == []


def traced(image: np.ndarray, block: int, tolerance: float) -> list[tuple[int, int, bytes]]:
    height, width = image.shape
    corners = [(y, x) for y in range(0, height, block) for x in range(0, width, block)]

    def of(corner: tuple[int, int]) -> tuple[int, int, bytes]:
        y, x = corner
        labels = image[y : y + block, x : x + block]
        return y // block, x // block, trace_block(labels, x, y, width, height, tolerance)

    # Last to first, several at once: blocks know nothing of one another.
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(of, reversed(corners)))[::-1]


def test_blocks_may_be_traced_in_any_order_and_left_out_where_nothing_is() -> None:
    image = smooth(150, 4, seed=5)
    image[:, 40:80] = NOT_MAPPED
    blocks = traced(image, 40, 1.5)
    assert any(not data for _, _, data in blocks)
    left = [block for block in blocks if block[2]]
    results = [
        [(region.index, region.polygon.wkb) for region in regions]
        for regions in (
            join(blocks, 40, 150, 150, 20),
            join(left, 40, 150, 150, 20),
            trace(ArrayLabels(image), 20, 1.5, 40),
        )
    ]
    assert results[0] == results[1] == results[2]
    assert len(results[0]) > 10


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 999), st.sampled_from([16, 33]), st.floats(0.5, 3))
def test_what_blocks_simplify_by_themselves_stays_a_coverage(
    seed: int, block: int, tolerance: float
) -> None:
    image = smooth(90, 3, seed)
    regions = trace(ArrayLabels(image), 0, tolerance, block)
    polygons = [region.polygon for region in regions]
    assert shapely.is_valid(polygons).all()
    assert shapely.coverage_is_valid(polygons)
    for index, area in areas(regions).items():
        mine = image == index
        rim = mine.sum() - scipy.ndimage.binary_erosion(mine).sum()
        assert abs(area - mine.sum()) <= tolerance * rim
    # On the borders between blocks, nothing has moved.
    for index in (1, 2, 3):
        together = shapely.union_all([r.polygon for r in regions if r.index == index])
        line = shapely.LineString([(block, 0), (block, 90)])
        beside = (image[:, block - 1] == index) | (image[:, block] == index)
        assert together.intersection(line).length == np.count_nonzero(beside)


def test_a_map_of_one_block_needs_no_joining() -> None:
    ((row, column, data),) = traced(np.full((30, 20), 2, np.uint8), 30, 2.0)
    (region,) = join([(row, column, data)], 30, 20, 30, 0)
    assert region.index == 2
    assert region.polygon.equals(shapely.box(0, 0, 20, 30))
