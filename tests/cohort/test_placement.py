import numpy as np
import pytest
import shapely

from carcinomap.annotation import SlideFrame
from carcinomap.cohort.checking.placement import (
    Evidence,
    Placement,
    better_placement,
    outside_share,
)
from carcinomap.slide import TissueMask

WIDTH, HEIGHT, CELL = 8000, 6000, 20
LEVELS = (1.0, 4.0, 16.0)
DRAWN = [(4200, 2400, 5000, 3000), (5200, 3600, 6800, 4600), (6000, 2500, 7000, 3000)]


def mask(*boxes):
    found = np.zeros((HEIGHT // CELL, WIDTH // CELL), bool)
    for left, top, right, bottom in boxes:
        found[top // CELL : bottom // CELL, left // CELL : right // CELL] = True
    return TissueMask(found, CELL * 0.4, 0.4)


def evidence(
    boxes=DRAWN, bounds=(0, 0), scale=1.0, move=(0, 0), tissue=((4000, 2200, 7200, 4800),)
):
    areas = [
        shapely.box(
            left * scale + move[0],
            top * scale + move[1],
            right * scale + move[0],
            bottom * scale + move[1],
        )
        for left, top, right, bottom in boxes
    ]
    return Evidence(areas, SlideFrame(WIDTH, HEIGHT, 0.4, bounds), mask(*tissue))


def find(case, claimed=None):
    present = case.on_tissue(Placement())
    return present, better_placement(case, present, LEVELS, claimed)


def test_right_place():
    present, found = find(evidence())
    assert present == 1
    assert found is None


@pytest.mark.parametrize(
    ("scale", "mends", "reason"),
    [
        (1 / 4, 4, "drawn on level 1"),
        (1 / 16, 16, "drawn on level 2"),
        (4, 1 / 4, "4 times too large"),
        (0.4, 2.5, "written in microns"),
        (2, 1 / 2, "twice the magnification"),
    ],
)
def test_scales(scale, mends, reason):
    present, found = find(evidence(scale=scale))
    assert present < 0.1
    placement, share = found
    assert placement.scale == pytest.approx(mends)
    assert reason in placement.describe()
    assert share > 0.95


def test_scale_of_the_mpp_that_the_annotation_names():
    _, (placement, _) = find(evidence(scale=0.4 / 0.7), claimed=0.7)
    assert placement.scale == pytest.approx(1.75)
    assert "0.7 µm/px" in placement.describe()


@pytest.mark.parametrize("sign", [1, -1])
def test_bounds(sign):
    bounds = (1500, 900)
    move = (sign * bounds[0], sign * bounds[1])
    present, found = find(evidence(bounds=bounds, move=move))
    assert present < 0.8
    placement, share = found
    assert (placement.x, placement.y) == (-move[0], -move[1])
    assert share == pytest.approx(1)
    assert f"({-move[0]:+,d}, {-move[1]:+,d})" in placement.describe()


def test_right_place_on_a_slide_with_bounds():
    assert find(evidence(bounds=(300, 200)))[1] is None


def test_glass_that_nothing_explains():
    present, found = find(evidence([(100, 5000, 900, 5800)]))
    assert present == 0
    assert found is None


def test_where_tissue_is_everywhere_the_box_tells():
    everywhere = [(0, 0, WIDTH, HEIGHT)]
    drawn = [(200, 300, 900, 900), (7000, 200, 7800, 700), (3000, 5000, 4500, 5800)]
    assert find(evidence(drawn, tissue=everywhere))[1] is None
    present, found = find(evidence(drawn, scale=1 / 4, tissue=everywhere))
    assert present > 0.95
    assert found[0].scale == 4
    # Two regions in the corner are no evidence.
    assert find(evidence(drawn[:2], scale=1 / 4, tissue=everywhere))[1] is None


def test_share_outside():
    slide = shapely.box(0, 0, 100, 100)
    inside, crossing, beyond = (shapely.box(x, 0, x + 10, 10) for x in (0, 95, 200))
    assert outside_share([inside], slide) == 0
    assert outside_share([inside, crossing], slide) == pytest.approx(0.25)
    assert outside_share([inside, crossing, beyond], slide) == pytest.approx(0.5)


def test_no_tissue_at_all():
    case = evidence(tissue=())
    assert case.on_tissue(Placement()) == 0
    assert case.box_overlap(Placement()) == 0
