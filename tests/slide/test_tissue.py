import json

import numpy as np
import pytest

from carcinomap.annotation import read_annotations
from carcinomap.slide import TissueMask, find_tissue, open_slide
from carcinomap.slide.tissue import tissue_of

GLASS = (243, 242, 244)
PINK = (224, 160, 196)
MPP = 8.0


def glass(rows=300, columns=400, seed=0):
    random = np.random.default_rng(seed)
    return np.clip(np.array(GLASS) + random.normal(0, 2, (rows, columns, 3)), 0, 255).astype(
        np.uint8
    )


def test_finds_the_tissue_and_not_the_glass():
    image = glass()
    image[100:200, 150:300] = PINK
    mask = tissue_of(image, MPP)
    assert mask[100:200, 150:300].all()
    grown = np.zeros_like(mask)
    grown[94:206, 144:306] = True
    assert not mask[~grown].any()


def test_bare_glass_has_none():
    assert not tissue_of(glass(), MPP).any()


def test_white_and_black_filler_are_no_tissue():
    image = glass()
    image[:, 200:] = 255
    image[200:, :100] = 0
    image[50:120, 50:150] = PINK
    mask = tissue_of(image, MPP)
    assert mask[50:120, 50:150].all()
    assert not mask[:, 200:].any()
    assert not mask[210:, :90].any()


def test_fat_is_tissue():
    """Thin walls around vacuoles of 80 µm."""
    image = glass()
    image[100:200:10, 100:300] = PINK
    image[100:200, 100:300:10] = PINK
    assert tissue_of(image, MPP)[102:188, 102:288].mean() > 0.99


def test_field_without_glass_is_all_tissue():
    random = np.random.default_rng(0)
    image = (np.array(PINK) + random.normal(0, 8, (200, 200, 3))).astype(np.uint8)
    assert tissue_of(image, MPP).all()


def test_specks_are_no_tissue():
    image = glass()
    image[100:103, 100:103] = (90, 90, 90)
    assert not tissue_of(image, MPP).any()


@pytest.fixture
def mask():
    return TissueMask(np.kron([[True, False], [False, True]], np.ones((5, 5), bool)), 8.0, 0.5)


def test_window_has_the_geometry_of_a_read(mask):
    np.testing.assert_array_equal(mask.window(0, 0, 10, 10, 8.0), mask.mask)
    np.testing.assert_array_equal(
        mask.window(0, 0, 20, 20, 4.0), np.kron(mask.mask, np.ones((2, 2), bool))
    )
    np.testing.assert_array_equal(mask.window(5 * 16, 0, 5, 5, 8.0), mask.mask[:5, 5:])


def test_window_outside_is_no_tissue(mask):
    window = mask.window(-16 * 3, -16 * 3, 16, 16, 8.0)
    assert not window[:3].any()
    assert not window[:, :3].any()
    np.testing.assert_array_equal(window[3:13, 3:13], mask.mask)


def test_fraction(mask):
    assert mask.fraction(0, 0, 160, 160) == pytest.approx(0.5)
    assert mask.fraction(0, 0, 80, 80) == 1
    assert mask.fraction(80, 0, 80, 80) == 0
    assert mask.fraction(-80, -80, 160, 160) == pytest.approx(0.25)


def test_area(mask):
    assert mask.area_mm2 == pytest.approx(50 * 64e-6)


def test_keeps_the_annotated_tissue_of_a_real_slide(real_data):
    annotations = read_annotations(real_data / "bach" / "A03_dev.xml")
    windows = json.loads((real_data / "bach" / "A03_dev_windows.json").read_text())
    with open_slide(real_data / "bach" / "A03_dev.svs") as slide:
        tissue = find_tissue(slide)
    assert 20 < tissue.area_mm2 < 35
    kept = drawn = 0
    for annotation in annotations.annotations:
        left, top, right, bottom = (int(v) for v in annotation.geometry.bounds)
        for window in windows:
            x0, y0 = max(left, window["x"]), max(top, window["y"])
            x1 = min(right, window["x"] + window["width"])
            y1 = min(bottom, window["y"] + window["height"])
            if x0 < x1 and y0 < y1:
                drawn += 1
                kept += tissue.fraction(x0, y0, x1 - x0, y1 - y0)
    assert kept / drawn > 0.97
