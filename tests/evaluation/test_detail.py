"""Truth and map on one coarse grid."""

import numpy as np
import pytest

from carcinomap.annotation import ClassScheme
from carcinomap.evaluation.detail import Detail
from carcinomap.evaluation.prediction import MappedPrediction
from carcinomap.evaluation.truth import Truth

SCHEME = ClassScheme.default()
BOXES = [("in situ", 201, 101, 303, 207), ("invasive", 320, 200, 501, 361)]


@pytest.mark.parametrize(("map_mpp", "mpp"), [(4.0, 4.0), (4.0, 8.0), (2.0, 6.0), (4.0, 1.0)])
def test_a_perfect_map_is_the_truth_pixel_by_pixel(workbench, map_mpp, mpp):
    case = workbench.case("s", BOXES)
    with case.open_slide() as slide:
        width, height = slide.size_at(map_mpp)
        drawn = case.read_annotations(slide).label_image(
            0, 0, width, height, map_mpp / slide.mpp, SCHEME
        )
        workbench.map("s", drawn, mpp=map_mpp)
        with MappedPrediction.open(workbench.maps / "s.ome.tif") as prediction:
            detail = Detail.of(Truth.of(case, slide, SCHEME), prediction, mpp)
    step = max(1, round(mpp / map_mpp))
    assert detail.mpp == step * map_mpp
    assert detail.to_slide == detail.mpp / 2.0
    assert detail.truth.shape == (height // step, width // step)
    assert np.array_equal(detail.truth, detail.mapped)
    assert np.array_equal(detail.mapped, drawn[step // 2 :: step, step // 2 :: step])
    for box, index in zip(BOXES, (2, 3), strict=True):
        _, left, top, right, bottom = box
        area = np.count_nonzero(detail.truth[detail.counted] == index) * detail.to_slide**2
        assert area == pytest.approx((right - left) * (bottom - top), rel=0.1)
    assert not detail.counted.all()
