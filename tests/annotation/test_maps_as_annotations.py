import pytest
import shapely
from drawn_areas import AREAS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carcinomap.annotation import ClassScheme, FileContext, SlideFrame, read_annotations
from carcinomap.segmentation.outlines.geojson import write_geojson
from carcinomap.segmentation.outlines.tracing import Region


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.lists(AREAS, max_size=4), st.tuples(st.integers(0, 9999), st.integers(0, 9999)))
def test_maps_are_read_as_annotations(tmp_path, areas, origin):
    classes = ClassScheme.default()
    parts = [part for area in areas for part in shapely.get_parts(area)]
    regions = [Region(1 + number % 3, part) for number, part in enumerate(parts)]
    path = tmp_path / "map.geojson"
    write_geojson(path, regions, classes, 4.0, 0.25, origin)
    frame = SlideFrame(99_999, 99_999, bounds=origin)
    for context in (None, FileContext(frame)):
        annotations = read_annotations(path, context)
        annotations.check(classes)
        assert annotations.mpp == 0.25
        for index in (1, 2, 3):
            mine = [one.polygon for one in regions if one.index == index]
            area = sum(one.area for one in mine) * 16
            rounding = sum(one.length for one in mine) * 4 * 0.01
            written = annotations.areas(classes)[classes.names[index]]
            assert written == pytest.approx(area, rel=1e-3, abs=rounding)
            found = [one for one in annotations.annotations if one.label == classes.names[index]]
            assert {one.colour for one in found} <= {classes.classes[index].colour}
