"""Crops: they show the region that they are about, where it is, and both outlines of it."""

import base64
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from carcinomap.cohort import Cohort
from carcinomap.evaluation import evaluate_cohort
from carcinomap.evaluation.disagreements import Disagreement
from carcinomap.evaluation.report.crops import Rectangle
from carcinomap.evaluation.report.worst import with_crops, worst_regions

INVASIVE = 3
BOX = ("invasive", 240, 120, 400, 280)


def told(amount=1, note=None):
    pass


@pytest.fixture
def scores(workbench):
    labels = np.full((240, 320), 255, np.uint8)
    labels[60:140, 120:160] = INVASIVE  # the left half of the box
    cases = [workbench.case(name, [BOX]) for name in "ab"]
    for case in cases:
        workbench.map(case.name, labels)
    return evaluate_cohort(
        Cohort(workbench.folder, cases), workbench.maps, workbench.folder / "scores"
    )


def with_worst(scores, *regions):
    cases = tuple(
        replace(case, worst=of_case) for case, of_case in zip(scores.cases, regions, strict=True)
    )
    return replace(scores, cases=cases)


def region(area_mm2, x=320.0, y=120.0, width=80.0, height=160.0):
    return Disagreement(INVASIVE, 0, area_mm2, x, y, width, height)


def extent(path):
    numbers = np.array(re.findall(r"(-?\d+) (-?\d+)", path), int)
    return [*numbers.min(axis=0).tolist(), *numbers.max(axis=0).tolist()]


def test_the_largest_of_all_slides_come_first(scores):
    several = with_worst(scores, (region(3.0), region(1.0)), (region(2.0),))
    found = with_crops(worst_regions(several, 3), told)
    assert [(one.case.case.name, one.region.area_mm2) for one in found] == [
        ("a", 3.0), ("b", 2.0), ("a", 1.0)
    ]  # fmt: skip
    assert len(worst_regions(several, 2)) == 2


def test_a_crop_shows_its_region_with_both_outlines(scores):
    (found,) = with_crops(worst_regions(with_worst(scores, (region(1.0),), ()), 9), told)
    crop = found.crop
    assert found.centre == (360, 200)
    assert crop.centre_mm == pytest.approx((0.72, 0.40))  # of 2 µm
    framed = crop.picture.framed
    assert framed.x > 0
    assert framed.x + framed.width < crop.picture.width
    assert framed.width / framed.height == pytest.approx(0.5, abs=0.01)

    scale = 80 / framed.width
    x, y = 320 - framed.x * scale, 120 - framed.y * scale
    for outlines, right in ((crop.truth, 400), (crop.mapped, 320)):
        assert [one.label for one in outlines] == [INVASIVE]
        expected = [240 - x, 120 - y, right - x, 280 - y]
        assert extent(outlines[0].path) == pytest.approx([n / scale for n in expected], abs=6)

    content = base64.b64decode(crop.picture.address.split(",", 1)[1])
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert image.shape[:2] == (crop.picture.height, crop.picture.width)
    row, column = round(framed.y + framed.height / 2), round(framed.x + framed.width / 2)
    assert image[row, column].tolist() == pytest.approx([190, 90, 160], abs=12)


@pytest.mark.parametrize("corner", [(0.0, 0.0), (630.0, 470.0)])
def test_a_crop_at_the_edge_stays_on_the_slide(scores, corner):
    at_edge = region(1.0, *corner, 10.0, 10.0)
    (found,) = with_crops(worst_regions(with_worst(scores, (at_edge,), ()), 9), told)
    locator = found.crop.locator
    assert (locator.width, locator.height) == (150, 113)
    framed = locator.framed
    assert min(framed.x, framed.y) >= 0
    assert framed.x + framed.width <= locator.width + 0.5
    assert framed.y + framed.height <= locator.height + 0.5
    assert framed.width == pytest.approx(400 / 1280 * 150, abs=0.2)  # LEAST_UM of 1.28 mm


def test_a_slide_that_is_gone_keeps_its_regions(scores):
    scores.cases[0].case.slide.unlink()
    found = with_crops(worst_regions(with_worst(scores, (region(2.0),), (region(1.0),)), 9), told)
    assert isinstance(found[0].crop, str)
    assert "a.tif" in found[0].crop
    assert not isinstance(found[1].crop, str)


def test_a_rectangle_seen_from_elsewhere():
    assert Rectangle(10, 20, 4, 6).seen_from(8, 10, 2) == Rectangle(1, 5, 2, 3)
