import json
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rasterio.features import rasterize
from segmentation_fakes import CLASSES

from carcinomap.segmentation.outlines.geojson import write_geojson
from carcinomap.segmentation.outlines.tracing import Region, trace
from carcinomap.segmentation.unfinished.spool import NOT_MAPPED


class ArrayLabels:
    def __init__(self, image: np.ndarray) -> None:
        self.image = image
        self.height, self.width = image.shape

    def window(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        return np.ascontiguousarray(self.image[y : y + height, x : x + width])


SMALL = arrays(
    np.uint8,
    st.tuples(st.integers(1, 14), st.integers(1, 14)),
    elements=st.sampled_from([0, 1, 2, 3, NOT_MAPPED]),
)


def smooth(side: int, sigma: float, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    fields = [
        scipy.ndimage.gaussian_filter(random.normal(size=(side, side)), sigma) for _ in "1234"
    ]
    return np.argmax(fields, axis=0).astype(np.uint8)


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
    regions = trace(ArrayLabels(image), 0, 0, block=50)
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
    assert [region.index for region in regions] == [2, 3]
    assert [len(region.polygon.interiors) for region in regions] == [1, 0]
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


def test_geojson_is_as_qupath_wants_it(tmp_path: Path) -> None:
    image = np.zeros((100, 100), np.uint8)
    image[20:80, 20:80] = 3
    image[40:60, 40:60] = 1
    path = tmp_path / "x.geojson"
    scale, mpp = 1.3, 0.5
    regions = trace(ArrayLabels(image), 0, 0)
    write_geojson(path, regions, CLASSES, scale, mpp, origin=(7, 11))
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["type"] == "FeatureCollection"
    assert content["origin"] == [7, 11]
    benign, invasive = content["features"]
    assert benign["properties"]["objectType"] == "annotation"
    assert benign["properties"]["classification"] == {"name": "benign", "color": [230, 159, 0]}
    assert invasive["properties"]["classification"]["name"] == "invasive"
    shell, hole = invasive["geometry"]["coordinates"]
    assert shell[0] == shell[-1]
    # RFC 7946: the shell counterclockwise, holes clockwise.
    assert shapely.LinearRing(shell).is_ccw
    assert not shapely.LinearRing(hole).is_ccw
    assert shapely.Polygon(shell).bounds == (19, 15, 97, 93)
    assert shapely.Polygon(hole).equals(shapely.geometry.shape(benign["geometry"]))
    area = shapely.geometry.shape(benign["geometry"]).area * mpp**2
    assert benign["properties"]["measurements"] == {"Area µm^2": pytest.approx(area)}


def test_geojson_of_nothing_is_valid(tmp_path: Path) -> None:
    write_geojson(tmp_path / "x.geojson", [], CLASSES, 1.0, 1.0)
    content = json.loads((tmp_path / "x.geojson").read_text(encoding="utf-8"))
    assert content["features"] == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("geojson")


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 999), st.floats(0.1, 9))
def test_rounding_keeps_outlines_valid_and_borders_common(
    folder: Path, seed: int, scale: float
) -> None:
    path = folder / "x.geojson"
    regions = trace(ArrayLabels(smooth(80, 3, seed)), 10, 1.5)
    write_geojson(path, regions, CLASSES, scale, 1.0)
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    polygons = [shapely.geometry.shape(feature["geometry"]) for feature in features]
    assert len(polygons) == len(regions)
    assert shapely.is_valid(polygons).all()
    assert shapely.coverage_is_valid(polygons)


def test_a_first_region_that_rounding_pinches_in_two_leaves_valid_json(tmp_path: Path) -> None:
    bow = shapely.Polygon([(0, 0), (9, 0), (4.5, 4.001), (9, 8), (0, 8), (4.4999, 4)])
    path = tmp_path / "pinched.geojson"
    write_geojson(path, [Region(1, bow), Region(2, shapely.box(20, 0, 29, 9))], CLASSES, 1.0, 1.0)
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    assert len(features) == 3
    write_geojson(path, [Region(1, shapely.box(0, 0, 0.001, 0.001))], CLASSES, 1.0, 1.0)
    assert json.loads(path.read_text(encoding="utf-8"))["features"] == []
