import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from overviews import GLASS, INKS, MemorySlide, painted, stroke

from carcinomap.slide import (
    Artefact,
    QualityMap,
    TissueMask,
    find_artefacts,
    find_tissue,
    open_slide,
)
from carcinomap.slide.tissue.picture import TINTS, tissue_picture
from carcinomap.slide.tissue.sharpness import detail_of

HAEMATOXYLIN, EOSIN = np.array([0.65, 0.70, 0.29]), np.array([0.07, 0.99, 0.11])
SIDE = 1200  # µm


def tissue_at_1_mpp(seed=0):
    """Stroma with nuclei of 8 µm, on a rim of glass: as sharp as a scan at 20×."""
    random = np.random.default_rng(seed)
    nuclei = np.zeros((SIDE, SIDE), np.float32)
    for x, y in random.integers(0, SIDE, (SIDE * SIDE // 400, 2)).tolist():
        cv2.circle(nuclei, (x, y), 4, 0.6, -1)
    fibres = 0.14 + 0.1 * cv2.GaussianBlur(random.normal(0, 6, nuclei.shape), (0, 0), 3)
    density = nuclei[:, :, None] * HAEMATOXYLIN + fibres[:, :, None] * EOSIN
    density[:100] = density[:, :100] = 0
    light = np.array(GLASS) * 10 ** -cv2.GaussianBlur(density, (0, 0), 0.8)
    return np.clip(light + random.normal(0, 1.5, light.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def image():
    return tissue_at_1_mpp()


def found(image, kind, mpp=1.0):
    """Return where artefacts of a kind are, and where others are, at 1 µm per pixel."""
    slide = MemorySlide(image, mpp)
    height, width = image.shape[:2]
    flags = find_artefacts(slide).window(0, 0, width, height, mpp)
    return flags & kind > 0, flags & ~np.uint8(kind) > 0


def test_nothing_is_wrong_with_a_sharp_scan(image):
    slide = MemorySlide(image, 1.0)
    tissue = find_tissue(slide)
    quality = find_artefacts(slide, tissue)
    assert not quality.flags.any()
    assert quality.shares(tissue) == dict.fromkeys(Artefact, 0.0)
    np.testing.assert_array_equal(quality.clean(tissue).mask, tissue.mask)


@pytest.mark.parametrize("sigma", [4, 6, 10])
def test_finds_what_is_out_of_focus(image, sigma):
    blurred = image.copy()
    blurred[400:900, 500:1000] = cv2.GaussianBlur(image, (0, 0), sigma)[400:900, 500:1000]
    here, others = found(blurred, Artefact.BLURRED)
    assert here[480:820, 580:920].mean() > 0.95
    assert not here[:330].any()
    assert not here[:, :430].any()
    assert not others.any()


def test_finds_a_slide_that_is_out_of_focus_everywhere(image):
    slide = MemorySlide(cv2.GaussianBlur(image, (0, 0), 5), 1.0)
    tissue = find_tissue(slide)
    assert find_artefacts(slide, tissue).shares(tissue)[Artefact.BLURRED] > 0.9


@pytest.mark.parametrize("ink", INKS)
def test_finds_pen_on_tissue_and_on_glass(image, ink):
    where = stroke(image.shape[:2], (600, 0), (700, SIDE), 150)
    here, others = found(painted(image, where, INKS[ink]), Artefact.PEN)
    assert here[where].mean() > 0.8  # red over nuclei has the hue of eosin
    # Cells that a stroke's edge runs through say little of focus.
    for flagged, reach in ((here, 141), (others, 281)):
        around = cv2.dilate(where.astype(np.uint8), np.ones((reach, reach))).astype(bool)
        assert not flagged[~around].any()


def test_finds_a_fold(image):
    """A band of tissue that lies on the tissue beside it: densities add up."""
    folded = image.astype(float)
    folded[500:650, 200:1000] *= image[700:850, 200:1000] / np.array(GLASS)
    here, others = found(folded.astype(np.uint8), Artefact.FOLD)
    assert here[520:630, 220:980].mean() > 0.85
    assert not here[:450].any()
    assert not here[700:].any()
    assert not others.any()


@pytest.mark.parametrize(("mpp", "shape"), [(0.5, (1, 1)), (0.5, (3, 90)), (30.0, (40, 50))])
@pytest.mark.parametrize("grey", [0, 128, 255])
def test_small_coarse_and_empty_slides(mpp, shape, grey):
    slide = MemorySlide(np.full((*shape, 3), grey, np.uint8), mpp)
    tissue = find_tissue(slide)
    quality = find_artefacts(slide, tissue)
    assert quality.flags.shape == tissue.mask.shape
    assert set(quality.shares(tissue).values()) == {0.0}


def test_detail_depends_neither_on_contrast_nor_on_noise():
    random = np.random.default_rng(0)
    detail = cv2.GaussianBlur(random.normal(0, 60, (258, 258)), (0, 0), 1.5)
    ratios = []
    for contrast in (2, 1):
        grey = 128 + contrast * detail + random.normal(0, 0.6, detail.shape)
        energy, variance = detail_of(np.repeat(np.rint(grey)[:, :, None], 3, 2).astype(np.uint8))
        ratios.append(energy.mean() / variance.mean())
    assert ratios[0] == pytest.approx(ratios[1], rel=0.05)
    # White noise blurred by 1.5 pixels; the Laplacian of pixels falls a little short.
    assert ratios[0] == pytest.approx(2 / 1.5**4, rel=0.2)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 4.0, 8.0, 16.0]))
def test_windows_are_crops_and_nothing_is_flagged_outside(seed, mpp):
    flags = np.random.default_rng(seed).integers(0, 8, (20, 30), dtype=np.uint8)
    quality = QualityMap(flags, 8.0, 0.5)
    step = mpp / 0.5
    whole = quality.window(-5 * step, -4 * step, 60, 50, mpp)
    part = quality.window(2 * step, 3 * step, 11, 9, mpp)
    np.testing.assert_array_equal(part, whole[7:16, 7:18])
    assert not whole[:4].any()
    assert not whole[:, :5].any()


def test_fraction_counts_the_kinds_asked_for():
    flags = np.zeros((10, 10), np.uint8)
    flags[:5], flags[:, :5] = Artefact.PEN, Artefact.FOLD
    quality = QualityMap(flags, 8.0, 0.5)
    assert quality.fraction(0, 0, 160, 160) == pytest.approx(0.75)
    assert quality.fraction(0, 0, 160, 160, Artefact.PEN) == pytest.approx(0.25)
    assert quality.fraction(80, 80, 80, 80) == 0


def test_clean_leaves_out_what_is_flagged():
    flags = np.zeros((4, 4), np.uint8)
    flags[1] = Artefact.BLURRED
    mask = np.ones((4, 4), bool)
    mask[:, 0] = False
    tissue = TissueMask(mask, 8.0, 0.5)
    clean = QualityMap(flags, 8.0, 0.5).clean(tissue)
    np.testing.assert_array_equal(clean.mask, mask & (flags == 0))
    assert (clean.mpp, clean.slide_mpp) == (8.0, 0.5)


def test_picture_outlines_the_tissue_and_tints_the_pen(image):
    where = stroke(image.shape[:2], (600, 0), (600, SIDE), 150)
    slide = MemorySlide(painted(image, where, INKS["blue"]), 1.0)
    tissue = find_tissue(slide)
    plain = tissue_picture(slide, tissue, max_side=300)
    tinted = tissue_picture(slide, tissue, find_artefacts(slide, tissue), max_side=300)
    assert plain.dtype == np.uint8
    assert plain.shape == tinted.shape
    assert plain.shape[0] >= 300
    assert plain.shape[1] > 300
    changed = (plain[:300, :300] != tinted[:300, :300]).any(axis=2)
    assert changed[20:280, 140:160].mean() > 0.95
    assert not changed[:, :100].any()
    towards = np.abs(tinted[150, 150].astype(int) - TINTS[Artefact.PEN]).sum()
    assert towards < np.abs(plain[150, 150].astype(int) - TINTS[Artefact.PEN]).sum()
    assert (plain[150, 20:30] == 0).all(axis=1).any()


def test_flags_next_to_nothing_on_a_real_slide_in_focus(real_data):
    with open_slide(real_data / "slides" / "cmu-1-small-region.svs") as slide:
        tissue = find_tissue(slide)
        assert sum(find_artefacts(slide, tissue).shares(tissue).values()) < 0.02
