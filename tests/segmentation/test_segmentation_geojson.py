import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from segmentation_fakes import CLASSES
from segmentation_maps import ArrayLabels, smooth

from carcinomap.segmentation.outlines import geojson
from carcinomap.segmentation.outlines.geojson import write_geojson
from carcinomap.segmentation.outlines.tracing import Region, trace


def test_geojson_is_as_qupath_wants_it(tmp_path: Path) -> None:
    image = np.zeros((100, 100), np.uint8)
    image[20:80, 20:80] = 3
    image[40:60, 40:60] = 1
    path = tmp_path / "x.geojson"
    scale, mpp = 1.3, 0.5
    regions = trace(ArrayLabels(image), 0, 0)
    count = write_geojson(path, regions, CLASSES, scale, mpp, origin=(7, 11))
    assert count == {1: 1, 3: 1}
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["type"] == "FeatureCollection"
    assert content["origin"] == [7, 11]
    benign, invasive = sorted(
        content["features"], key=lambda one: one["properties"]["classification"]["name"]
    )
    assert {one["type"] for one in (benign, invasive)} == {"Feature"}
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
    assert not write_geojson(tmp_path / "x.geojson", [], CLASSES, 1.0, 1.0)
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
    regions = [Region(1, bow), Region(2, shapely.box(20, 0, 29, 9))]
    assert write_geojson(path, regions, CLASSES, 1.0, 1.0) == {1: 2, 2: 1}
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    assert len(features) == 3
    write_geojson(path, [Region(1, shapely.box(0, 0, 0.001, 0.001))], CLASSES, 1.0, 1.0)
    assert json.loads(path.read_text(encoding="utf-8"))["features"] == []


def test_geopandas_reads_what_was_written(tmp_path: Path) -> None:
    regions = trace(ArrayLabels(smooth(200, 5, 1)), 10, 1.5)
    path = tmp_path / "x.geojson"
    count = write_geojson(path, regions, CLASSES, 2.0, 0.5)
    table = geopandas.read_file(path).set_crs(None, allow_override=True)  # pixels, not degrees
    assert len(table) == count.total() == len(regions)
    assert table.geometry.is_valid.all()
    assert table.geometry.area.sum() == pytest.approx(4 * sum(r.polygon.area for r in regions))
    names = Counter(json.loads(said)["name"] for said in map(as_text, table["classification"]))
    assert names == {CLASSES.names[index]: number for index, number in count.items()}


def as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def test_regions_are_written_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geojson, "BATCH", 10)
    path = tmp_path / "x.geojson"
    lengths = []

    def regions() -> Iterator[Region]:
        for number in range(1000):
            lengths.append(path.stat().st_size)
            yield Region(1, shapely.box(number, 0, number + 1, 1))

    write_geojson(path, regions(), CLASSES, 1.0, 1.0)
    assert lengths[-1] > path.stat().st_size / 2
    assert len(json.loads(path.read_text(encoding="utf-8"))["features"]) == 1000
