"""Stains, textures, nuclei and the canvas."""

import numpy as np
import pytest
import shapely

from carcinomap.demo.canvas import Canvas, Paint
from carcinomap.demo.layout import Structure, plan
from carcinomap.demo.nuclei import Nucleus, NucleusBank
from carcinomap.demo.stains import Stains
from carcinomap.demo.texture import mottle, smooth_noise


def test_no_stain_is_glass_and_stain_only_darkens() -> None:
    stains = Stains.draw(np.random.default_rng(3))
    amounts = np.linspace(0, 2, 5, dtype=np.float32)[None]
    none = np.zeros_like(amounts)
    assert np.allclose(stains.colour(none, none)[0, 0], stains.glass, atol=1e-3)
    for colours in (stains.colour(amounts, none), stains.colour(none, amounts)):
        assert (np.diff(colours[0], axis=0) < 0).all()


def test_optical_densities_add_up() -> None:
    stains = Stains.draw(np.random.default_rng(4))
    one, half = np.ones((1, 1), np.float32), np.full((1, 1), 0.5, np.float32)
    zero = np.zeros((1, 1), np.float32)

    def density(light: np.ndarray) -> np.ndarray:
        return -np.log10(light / stains.glass)

    together = density(stains.colour(one, half))
    apart = density(stains.colour(one, zero)) + density(stains.colour(zero, half))
    assert np.allclose(together, apart, atol=1e-4)
    assert np.allclose(together[0, 0], stains.vectors[0] + 0.5 * stains.vectors[1], atol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_haematoxylin_is_blue_and_eosin_pink(seed: int) -> None:
    stains = Stains.draw(np.random.default_rng(seed))
    one, zero = np.ones((1, 1), np.float32), np.zeros((1, 1), np.float32)
    red, green, blue = stains.colour(one, zero)[0, 0]
    assert blue > red > green or (blue > red and blue > green)
    red, green, blue = stains.colour(zero, one)[0, 0]
    assert red > blue > green


def test_smooth_noise_is_smooth_at_its_wavelength() -> None:
    noise = smooth_noise(np.random.default_rng(0), 600, 500, 50)
    assert noise.shape == (600, 500)
    assert 0.7 < noise.std() < 1.3
    assert np.abs(np.diff(noise, axis=0)).mean() < 0.08 * noise.std()
    assert abs(np.corrcoef(noise[:-150].ravel(), noise[150:].ravel())[0, 1]) < 0.35


def test_mottle_repeats_without_a_seam() -> None:
    texture = mottle(np.random.default_rng(0), 2.0)
    assert texture.mean() == pytest.approx(0, abs=1e-3)
    inside = np.abs(np.diff(texture, axis=1)).mean()
    assert np.abs(texture[:, 0] - texture[:, -1]).mean() == pytest.approx(inside, rel=0.2)


def test_nuclei_have_the_size_and_direction_asked_for() -> None:
    rng = np.random.default_rng(0)
    bank = NucleusBank.draw(rng, mpp=0.5, enlarged=1.0)
    for direction in (0.0, np.pi / 4, np.pi / 2):
        for picture in bank.choose(rng, Nucleus.SPINDLE, np.full(10, direction)):
            y, x = np.nonzero(picture > 0.3)
            (shape,) = [np.cov(x, y)]
            values, vectors = np.linalg.eigh(shape)
            angle = np.arctan2(vectors[1, 1], vectors[0, 1])
            assert abs(np.sin(angle - direction)) < 0.3
            # An ellipse's variance along its axis is a quarter of the half axis squared.
            assert 4.5 < 2 * np.sqrt(values[1]) * 0.5 < 10.5


def test_sizes_of_nuclei_overlap_between_normal_and_tumour() -> None:
    rng = np.random.default_rng(1)
    bank = NucleusBank.draw(rng, mpp=0.5, enlarged=1.0)
    directions = rng.uniform(0, np.pi, 300)
    normal, tumour = (
        [np.count_nonzero(p > 0.3) for p in bank.choose(rng, kind, directions)]
        for kind in (Nucleus.EPITHELIAL, Nucleus.ATYPICAL)
    )
    assert np.median(normal) < np.median(tumour)
    assert np.percentile(tumour, 20) < np.percentile(normal, 80)


def test_a_fill_covers_the_shape_and_nothing_else() -> None:
    canvas = Canvas(np.random.default_rng(0), 200, 160, mpp=0.5)
    ring = shapely.Point(50, 40).buffer(25).difference(shapely.Point(50, 40).buffer(10))
    canvas.fill(ring, Paint(0.5, 1.0, uneven=0.0))
    assert canvas.eosin.sum() * 0.5**2 == pytest.approx(ring.area, rel=0.05)
    assert np.allclose(canvas.haematoxylin, 0.5 * canvas.eosin)
    assert canvas.eosin[80, 100] == 0  # the hole
    assert canvas.eosin[80, 100 + 34] == 1
    y, x = np.nonzero(canvas.eosin)
    assert ((x + 0.5) / 2).mean() == pytest.approx(50, abs=0.1)
    assert ((y + 0.5) / 2).mean() == pytest.approx(40, abs=0.1)


def test_opacity_lets_through_what_lay_below() -> None:
    canvas = Canvas(np.random.default_rng(0), 100, 100, mpp=1.0)
    canvas.eosin[:] = 1.0
    canvas.fill(shapely.box(10, 10, 90, 90), Paint(0.0, 0.0, opacity=0.25))
    assert canvas.eosin[50, 50] == pytest.approx(0.75)


def test_drawing_over_the_edge_is_cut() -> None:
    canvas = Canvas(np.random.default_rng(0), 100, 100, mpp=1.0)
    canvas.fill(shapely.Point(0, 0).buffer(30), Paint(0.0, 1.0, 0.0))
    assert canvas.eosin.sum() == pytest.approx(np.pi * 30**2 / 4, rel=0.1)
    before = canvas.eosin.copy()
    canvas.fill(shapely.Point(500, 500).buffer(30), Paint(0.0, 1.0, 0.0))
    canvas.nuclei(Nucleus.SMALL, np.array([[0.0, 0.0], [99.9, 50.0]]), [0.0, 0.0])
    assert (canvas.eosin == before).all()


@pytest.mark.parametrize("side", [640.0, 1024.0, 2048.0, 4096.0])
def test_a_plan_holds_each_lesion_apart_from_the_others_and_within_the_tissue(side: float) -> None:
    for seed in range(3):
        layout = plan(np.random.default_rng(seed), side, side * 1.25)
        assert shapely.box(0, 0, side, side * 1.25).contains(layout.tissue)
        assert layout.tissue.is_valid
        structures = [place.structure for place in layout.places]
        for lesion in (Structure.BENIGN, Structure.IN_SITU, Structure.INVASIVE):
            assert structures.count(lesion) >= 2
        discs = [shapely.Point(p.x, p.y).buffer(p.radius) for p in layout.places]
        for index, disc in enumerate(discs):
            assert layout.tissue.contains(disc)
            assert all(disc.distance(other) > 25 for other in discs[:index])
