import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from overviews import GLASS, INKS, PINK, MemorySlide, glass, painted, stroke

from carcinomap.annotation import read_annotations
from carcinomap.slide import TissueMask, find_tissue, open_slide
from carcinomap.slide.tissue.mask import tissue_of

MPP = 8.0


def absorbing(share):
    """A pale pink that absorbs a share of the green light, and less of the rest."""
    return np.array(GLASS) * (1 - share * np.array([0.2, 1.0, 0.45]))


def test_finds_the_tissue_and_not_the_glass():
    image = glass()
    image[100:200, 150:300] = PINK
    mask = tissue_of(image, MPP)
    assert mask[100:200, 150:300].all()
    grown = np.zeros_like(mask)
    grown[96:204, 146:304] = True
    assert not mask[~grown].any()


def test_bare_glass_has_none():
    assert not tissue_of(glass(), MPP).any()


def test_unevenly_lit_glass_has_none():
    shade = np.linspace(0.97, 1.0, 400)[None, :, None]
    assert not tissue_of((glass() * shade).astype(np.uint8), MPP).any()


def test_white_and_black_filler_are_no_tissue():
    image = glass()
    image[:, 200:] = 255
    image[200:, :100] = 0
    image[50:120, 50:150] = PINK
    mask = tissue_of(image, MPP)
    assert mask[50:120, 50:150].all()
    assert not mask[:, 200:].any()
    assert not mask[200:, :100].any()


def test_scan_border_is_no_tissue():
    """A grey rim, where the scanner saw the frame of its stage out of focus."""
    image = glass()
    image[:12] = (150, 150, 152)
    image[:, :10] = (180, 181, 180)
    image[150:220, 200:300] = PINK
    mask = tissue_of(image, MPP)
    assert mask[150:220, 200:300].all()
    assert not mask[:100].any()
    assert not mask[:, :100].any()


def test_fat_is_tissue():
    """Thin walls around vacuoles of 80 µm."""
    image = glass()
    image[100:200:10, 100:300] = PINK
    image[100:200, 100:300:10] = PINK
    assert tissue_of(image, MPP)[102:188, 102:288].mean() > 0.99


def test_pale_fat_is_tissue():
    """Walls so thin that a pixel of 8 µm is stained but a little, with gaps in them."""
    image = glass()
    wall = absorbing(0.12).astype(np.uint8)
    image[100:201:10, 100:301] = wall
    image[100:201, 100:301:10] = wall
    image[104:200:10, 100:300:40] = glass()[104:200:10, 100:300:40]
    mask = tissue_of(image, MPP)
    assert mask[102:198, 102:298].mean() > 0.99
    assert mask.mean() < 0.2


@pytest.mark.parametrize("share", [0.04, 0.05, 0.06])
def test_faint_stroma_is_tissue(share):
    image = glass().astype(float)
    image[100:200, 150:300] += absorbing(share) - GLASS
    mask = tissue_of(image.astype(np.uint8), MPP)
    assert mask[104:196, 154:296].mean() > 0.995
    assert mask.mean() < 0.15


def test_field_without_glass_is_all_tissue():
    random = np.random.default_rng(0)
    image = (np.array(PINK) + random.normal(0, 8, (200, 200, 3))).astype(np.uint8)
    assert tissue_of(image, MPP).all()


def test_lumina_are_tissue_and_the_bay_beside_is_not():
    image = glass()
    image[:, :300] = PINK
    for centre, radius in (((100, 100), 25), ((200, 0), 20)):
        cv2.circle(image, centre[::-1], radius, GLASS, -1)
    mask = tissue_of(image, MPP)
    assert mask[:, :300].all()
    assert not mask[:, 305:].any()


def test_specks_are_no_tissue():
    image = glass()
    for row, column, side, grey in ((100, 100, 3, 90), (50, 300, 12, 60), (200, 200, 20, 170)):
        image[row : row + side, column : column + side] = grey
    assert not tissue_of(image, MPP).any()


@pytest.mark.parametrize("colour", [(120, 120, 120), (225, 190, 210)], ids=["grey", "fringed"])
def test_edge_of_the_coverslip_is_no_tissue(colour):
    image = glass(600, 800)
    image[stroke(image.shape[:2], (20, 30), (780, 120), 2)] = colour
    image[300:400, 300:500] = PINK
    mask = tissue_of(image, MPP)
    assert mask[300:400, 300:500].all()
    assert not mask[:250].any()


@pytest.mark.parametrize("ink", INKS)
def test_pen_on_glass_is_no_tissue(ink):
    image = glass()
    image[200:260, 100:300] = PINK
    for width, row in ((8, 40), (40, 110)):
        image = painted(image, stroke(image.shape[:2], (40, row), (360, row), width), INKS[ink])
    mask = tissue_of(image, MPP)
    assert not mask[:170].any()
    assert mask[202:258, 102:298].all()


@pytest.mark.parametrize("ink", INKS)
def test_pen_on_tissue_hides_no_tissue(ink):
    image = glass()
    image[50:250, 50:350] = PINK
    image = painted(image, stroke(image.shape[:2], (200, 0), (200, 299), 40), INKS[ink])
    assert tissue_of(image, MPP)[58:242, 52:348].all()


@pytest.mark.parametrize("grey", [0, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (200, 300)])
def test_nothing_but_filler(grey, shape):
    mask = tissue_of(np.full((*shape, 3), grey, np.uint8), MPP)
    assert mask.shape == shape
    assert not mask.any()


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.sampled_from([0.25, 1.0, 8.0, 29.0]),
    st.integers(0, 2**32 - 1),
)
def test_mask_covers_the_slide_and_windows_are_its_crops(size, mpp, seed):
    random = np.random.default_rng(seed)
    colours = random.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    image = cv2.resize(colours, size, interpolation=cv2.INTER_NEAREST)
    slide = MemorySlide(image, mpp)
    tissue = find_tissue(slide)
    assert tissue.mask.shape == slide.size_at(tissue.mpp)[::-1]
    assert 0 <= tissue.area_mm2 <= tissue.mask.size * tissue.mpp**2 / 1e6
    whole = tissue.window(-3, -2, 40, 30, mpp)
    np.testing.assert_array_equal(tissue.window(4, 3, 20, 15, mpp), whole[5:20, 7:27])


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


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.integers(-400, 700), st.integers(-400, 700)),
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.sampled_from([0.5, 3.0, 8.0, 20.0]),
    st.integers(0, 2**32 - 1),
)
def test_packed_it_says_the_same(shape, corner, size, mpp, seed):
    mask = TissueMask(np.random.default_rng(seed).random(shape) < 0.5, 8.0, 0.5)
    packed = mask.packed()
    assert packed.shape == shape
    assert packed.bits.nbytes <= shape[0] * (shape[1] + 7) / 8
    window = corner + size
    np.testing.assert_array_equal(packed.window(*window, mpp), mask.window(*window, mpp))
    assert packed.fraction(*window) == mask.fraction(*window)


def test_area(mask):
    assert mask.area_mm2 == pytest.approx(50 * 64e-6)


def annotated_and_kept(slide, annotations, tissue, windows):
    """Return the pixels of 2 µm that are annotated, and those of them in the mask."""
    annotated = kept = 0
    scale = 2.0 / slide.mpp
    scheme = annotations.labels()
    assert scheme
    for x, y, width, height in windows:
        columns, rows = int(width / scale), int(height / scale)
        drawn = np.zeros((rows, columns), np.uint8)
        for annotation in annotations.annotations:
            points = (np.array(annotation.geometry.exterior.coords) - (x, y)) / scale
            cv2.fillPoly(drawn, [np.rint(points).astype(np.int32)], 1)
        inside = tissue.window(x, y, columns, rows, 2.0)
        annotated += np.count_nonzero(drawn)
        kept += np.count_nonzero(drawn & inside)
    return annotated, kept


def test_keeps_the_annotated_tissue_of_a_real_slide(real_data):
    annotations = read_annotations(real_data / "bach" / "A03_dev.xml")
    listed = json.loads((real_data / "bach" / "A03_dev_windows.json").read_text())
    windows = [(w["x"], w["y"], w["width"], w["height"]) for w in listed]
    with open_slide(real_data / "bach" / "A03_dev.svs") as slide:
        tissue = find_tissue(slide)
        annotated, kept = annotated_and_kept(slide, annotations, tissue, windows)
    assert 20 < tissue.area_mm2 < 32
    assert kept / annotated > 0.995


def test_keeps_the_glands_of_real_fields(real_data):
    total = np.zeros(2)
    for name in ("testA_7", "testA_15", "testB_4", "testB_14", "train_67", "train_85"):
        annotations = read_annotations(real_data / "glas" / f"{name}.xml")
        with open_slide(real_data / "glas" / f"{name}.svs") as slide:
            window = (0, 0, slide.width, slide.height)
            total += annotated_and_kept(slide, annotations, find_tissue(slide), [window])
    assert total[1] / total[0] > 0.995


def test_in_blocks_nearly_as_at_once(real_data, monkeypatch):
    with open_slide(real_data / "bach" / "A03_dev.svs") as slide:
        whole = find_tissue(slide)
        monkeypatch.setattr("carcinomap.slide.tissue.mask.AT_ONCE", 2_000_000)
        monkeypatch.setattr("carcinomap.slide.tissue.mask.BLOCK", 500)
        blocks = find_tissue(slide)
    assert blocks.mask.shape == whole.mask.shape
    # The light through glass, measured in a coarser picture, may differ by a grey level.
    assert np.mean(blocks.mask != whole.mask) < 0.002
    assert whole.mask.any()


def test_blocks_meet_where_the_tissue_goes_on(monkeypatch):
    image = glass(900, 1300)
    image[200:700, 150:1200] = PINK
    slide = MemorySlide(image, 8.0)
    whole = find_tissue(slide)
    monkeypatch.setattr("carcinomap.slide.tissue.mask.AT_ONCE", 100_000)
    monkeypatch.setattr("carcinomap.slide.tissue.mask.BLOCK", 256)
    assert np.count_nonzero(find_tissue(slide).mask != whole.mask) < 10
