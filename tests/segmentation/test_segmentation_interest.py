import json
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from segmentation_fakes import MemorySlide, tissue_everywhere
from shapely import MultiPolygon, Polygon

from carcinomap.annotation import Annotation, AnnotationSet
from carcinomap.errors import InputError
from carcinomap.segmentation.mapping.interest import Interest, fingerprint, read_interest
from carcinomap.slide import TissueMask

SIDE = 600  # of the slide, in level-0 pixels


def regions(*areas: Polygon | MultiPolygon, label: str = "roi") -> AnnotationSet:
    return AnnotationSet(tuple(Annotation(label, area) for area in areas))


def blank_slide(side: int = SIDE, name: str = "memory.svs") -> MemorySlide:
    return MemorySlide(np.full((side, side, 3), 255, np.uint8), 0.5, name)


def tissue(mask: np.ndarray | None = None, mpp: float = 8.0, slide_mpp: float = 0.5) -> TissueMask:
    rows = round(SIDE * slide_mpp / mpp) + 1
    return TissueMask(np.ones((rows, rows), bool) if mask is None else mask, mpp, slide_mpp)


@st.composite
def areas(draw: st.DrawFn) -> AnnotationSet:
    """Return rings with holes, slivers and specks, some beyond the slide, some overlapping."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        generator = np.random.default_rng(draw(st.integers(0, 2**32)))
        count = draw(st.integers(3, 9))
        span = draw(st.sampled_from([1.0, 30.0, 400.0, 5000.0]))
        corners = generator.random((count, 2)) * span + generator.random(2) * SIDE - span / 3
        if draw(st.booleans()):
            corners = np.round(corners * 2) / 2
        outline = shapely.make_valid(shapely.convex_hull(shapely.multipoints(corners)))
        if draw(st.booleans()):
            outline = outline.difference(shapely.affinity.scale(outline, 0.5, 0.5))
        found += [one for one in shapely.get_parts(outline) if isinstance(one, Polygon)]
    return regions(*found)


@settings(max_examples=40, deadline=None)
@given(
    inside=areas(),
    mpp=st.sampled_from([0.5, 1.0, 1.5, 0.7]),
    slide_mpp=st.sampled_from([0.5, 0.467, 0.25]),
    seed=st.integers(0, 2**32),
)
def test_a_window_is_the_crop_of_a_larger_one_and_what_the_centres_say(
    inside: AnnotationSet, mpp: float, slide_mpp: float, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    mask = tissue(generator.random((80, 80)) < 0.7, slide_mpp=slide_mpp)
    interest = Interest(mask, inside)
    ratio = mpp / slide_mpp
    column, row = generator.integers(-20, 200, 2)
    whole = interest.window(column * ratio, row * ratio, 150, 120, mpp)

    left, top = generator.integers(0, 100, 2)
    part = interest.window((column + left) * ratio, (row + top) * ratio, 50, 20, mpp)
    np.testing.assert_array_equal(part, whole[top : top + 20, left : left + 50])

    x = (column + np.arange(150) + 0.5) * ratio
    y = (row + np.arange(120)[:, None] + 0.5) * ratio
    area = shapely.union_all([one.geometry for one in inside.annotations])
    on_outline = shapely.dwithin(area.boundary, shapely.points(*np.broadcast_arrays(x, y)), 1e-6)
    expected = shapely.contains_xy(area, x, y)
    expected &= mask.window(column * ratio, row * ratio, 150, 120, mpp)
    np.testing.assert_array_equal(whole[~on_outline], expected[~on_outline])

    # What a box says: nothing that a window shows is denied, and a box is the sum of its parts.
    box = (column * ratio, row * ratio, 150 * ratio, 120 * ratio)
    wanted = interest.fraction(*box) > 0
    assert wanted or not whole.any()
    cut = float(generator.uniform(0.1, 0.9)) * box[2]
    parts = [
        (box[0], box[1], cut, box[3]),
        (box[0] + cut, box[1], box[0] + box[2] - (box[0] + cut), box[3]),
    ]
    assert wanted == any(interest.fraction(*each) > 0 for each in parts)


@given(slide_mpp=st.floats(0.2, 3.0), column=st.integers(0, 5000), edge=st.integers(1, 63))
@settings(max_examples=60, deadline=None)
def test_centres_on_an_outline_are_on_one_side_of_it_in_every_window(
    slide_mpp: float, column: int, edge: int
) -> None:
    ratio = 1.0 / slide_mpp
    left, right = (column + edge + 0.5) * ratio, (column + 200) * ratio
    mask = TissueMask(np.ones((8, 700), bool), 8.0, slide_mpp)
    interest = Interest(mask, regions(shapely.box(left, -5, right, 60 * ratio)))
    whole = interest.window(max(0, column - 300) * ratio, 0, 600, 4, 1.0)
    part = interest.window(column * ratio, 0, 64, 4, 1.0)
    start = min(column, 300)
    np.testing.assert_array_equal(part, whole[:, start : start + 64])
    assert not part[:, :edge].any()
    assert part[:, edge + 1 :].all()


@settings(max_examples=40, deadline=None)
@given(inside=areas(), slide_mpp=st.sampled_from([0.5, 0.467, 0.25]))
def test_no_region_is_overlooked_however_small(inside: AnnotationSet, slide_mpp: float) -> None:
    cell = 8.0 / slide_mpp
    interest = Interest(tissue(slide_mpp=slide_mpp), inside)
    rows = len(tissue(slide_mpp=slide_mpp).mask)
    area = shapely.union_all([one.geometry for one in inside.annotations])
    y, x = np.mgrid[:rows, :rows] * cell
    touched = shapely.intersects(area, shapely.box(x, y, x + cell, y + cell))
    assert all(
        interest.fraction(x[at], y[at], cell, cell) > 0
        for at in zip(*np.nonzero(touched), strict=True)
    )


def test_without_regions_it_is_the_tissue() -> None:
    mask = tissue(np.random.default_rng(0).random((40, 40)) < 0.5)
    interest = Interest(mask, None)
    np.testing.assert_array_equal(
        interest.window(3, 5, 90, 80, 1.0), mask.window(3, 5, 90, 80, 1.0)
    )
    assert interest.fraction(10, 20, 100, 50) == mask.fraction(10, 20, 100, 50)
    assert interest.area_mm2 == mask.area_mm2


def test_it_keeps_an_eighth_of_the_mask() -> None:
    tracemalloc.start()
    try:
        interest = Interest(TissueMask(np.ones((2000, 2000), bool), 8.0, 0.5), None)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert interest.area_mm2 == pytest.approx(16.0**2)
    assert held < 2000 * 2000 / 7


def test_regions_add_up_and_their_holes_stay_out() -> None:
    ring = shapely.box(100, 100, 400, 400).difference(shapely.box(200, 200, 300, 300))
    island = shapely.box(240, 240, 260, 260)
    interest = Interest(tissue(), regions(ring, shapely.box(350, 350, 500, 500), island))
    window = interest.window(0, 0, SIDE, SIDE, 0.5)
    assert window.sum() == ring.union(shapely.box(350, 350, 500, 500)).union(island).area
    assert not window[210, 210]
    assert window[250, 250]
    assert interest.area_mm2 == pytest.approx(window.sum() * 0.25 / 1e6, rel=0.05)


def test_a_box_far_from_all_regions_is_not_wanted_though_there_is_tissue() -> None:
    interest = Interest(tissue(), regions(shapely.box(100, 100, 120, 120)))
    assert interest.fraction(105, 105, 2, 2) > 0
    assert interest.fraction(0, 0, 600, 60) == 0
    assert interest.fraction(200, 0, 400, 600) == 0


def feature(label: str | None, left: float, top: float, side: float = 100) -> dict[str, object]:
    ring = shapely.get_coordinates(shapely.box(left, top, left + side, top + side)).tolist()
    properties = {"classification": {"name": label}} if label else {}
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def geojson(path: Path, *features: dict[str, object]) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}))
    return path


def bounds(found: AnnotationSet) -> list[tuple[float, ...]]:
    return [one.geometry.bounds for one in found.annotations]


def test_only_regions_of_interest_count_where_there_are_some(tmp_path: Path) -> None:
    path = geojson(tmp_path / "a.geojson", feature("invasive", 0, 0), feature("ROI", 200, 200))
    assert bounds(read_interest(path, blank_slide())) == [(200, 200, 300, 300)]


def test_otherwise_every_region_counts_that_lies_on_the_slide(tmp_path: Path) -> None:
    path = geojson(
        tmp_path / "a.geojson",
        feature("whatever", 0, 0),
        feature(None, 550, 550),
        feature("invasive", 5000, 0),
    )
    found = read_interest(str(path), blank_slide())
    assert bounds(found) == [(0, 0, 100, 100), (550, 550, 650, 650)]
    assert found.source == path


def test_positions_that_count_from_the_scanned_bounds_are_moved(tmp_path: Path) -> None:
    slide = blank_slide()
    slide.properties = {"openslide.bounds-x": "100", "openslide.bounds-y": "50"}
    path = geojson(tmp_path / "a.geojson", feature("roi", 0, 0))
    assert bounds(read_interest(path, slide)) == [(100, 50, 200, 150)]


def test_a_folder_has_a_file_for_each_slide_by_its_name(tmp_path: Path) -> None:
    geojson(tmp_path / "other.geojson", feature("roi", 0, 0))
    geojson(tmp_path / "case 7.geojson", feature("roi", 100, 100))
    found = read_interest(tmp_path, blank_slide(name="case 7.svs"))
    assert bounds(found) == [(100, 100, 200, 200)]
    with pytest.raises(InputError, match=r"no regions for case 8.svs there, such as case 8.geojs"):
        read_interest(tmp_path, blank_slide(name="case 8.svs"))
    (tmp_path / "more").mkdir()
    geojson(tmp_path / "more" / "case 7.geojson", feature("roi", 0, 0))
    with pytest.raises(InputError, match="several annotations"):
        read_interest(tmp_path, blank_slide(name="case 7.svs"))


def test_the_regions_of_a_label_image_are_its_pixels_other_than_0(tmp_path: Path) -> None:
    labels = np.zeros((SIDE // 2, SIDE // 2), np.uint8)
    labels[50:100, 100:150] = 3
    labels[200:220, 10:20] = 255
    path = tmp_path / "memory_mask.png"
    cv2.imwrite(str(path), labels)
    found = read_interest(path, blank_slide())
    window = Interest(tissue(), found).window(0, 0, SIDE // 2, SIDE // 2, 1.0)
    np.testing.assert_array_equal(window, labels > 0)


def test_files_of_no_use_say_why(tmp_path: Path) -> None:
    slide = blank_slide()
    empty = geojson(tmp_path / "empty.geojson")
    with pytest.raises(InputError, match=r"empty.geojson: no region to map in it \(none at all\)"):
        read_interest(empty, slide)
    point = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}}
    only_points = geojson(tmp_path / "points.geojson", point)
    with pytest.raises(InputError, match="1 that are no areas: carcinomap inspect"):
        read_interest(only_points, slide)
    elsewhere = geojson(tmp_path / "elsewhere.geojson", feature("roi", 9000, 9000))
    with pytest.raises(InputError, match=r"none of its 1 regions lies on memory.svs \(600 × 600"):
        read_interest(elsewhere, slide)
    with pytest.raises(InputError, match="no such annotation file"):
        read_interest(tmp_path / "missing.geojson", slide)


def test_a_fingerprint_is_of_what_is_covered() -> None:
    one, other = shapely.box(0, 0, 10, 10), shapely.box(20, 0, 30, 10)
    turned = Polygon([(10, 10), (0, 10), (0, 0), (10, 0)])
    same = fingerprint(regions(one, other))
    assert same == fingerprint(regions(other, turned, one, label="invasive"))
    assert same != fingerprint(regions(one))
    assert same != fingerprint(regions(one, shapely.box(20, 0, 30, 10.5)))
    assert len(same) == 64


def test_it_can_be_asked_in_the_place_of_a_tissue_mask() -> None:
    slide = blank_slide()
    interest = Interest(tissue_everywhere(slide), regions(shapely.box(0, 0, 50, 50)))
    window = interest.window(-20, -20, 40, 40, 0.5)
    assert window.shape == (40, 40)
    assert window.sum() == 20 * 20
