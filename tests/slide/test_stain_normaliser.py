from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from stained import PINK, PURPLE, amounts, stained, stained_slide

from carcinomap.slide.stain import REFERENCE, Normaliser, StainStatistics, statistics_of
from carcinomap.slide.stain.reinhard import STAINED, lab_of

METHODS = ["macenko", "reinhard"]


def all_colours():
    """Return every colour there is, as an image."""
    colours = np.arange(2**24, dtype="<u4").view(np.uint8).reshape(4096, 4096, 4)
    return np.ascontiguousarray(colours[:, :, :3])


@pytest.fixture(scope="module", params=METHODS)
def to_pink(request):
    return Normaliser(request.param, PURPLE, PINK)


def test_tissue_of_known_stains_comes_out_in_the_targets():
    amount = amounts(seed=3)
    found = Normaliser("macenko", PURPLE, PINK)(stained(PURPLE, amount)).astype(int)
    assert np.abs(found - stained(PINK, amount)).max() <= 2


@pytest.mark.parametrize(("method", "left"), [("macenko", 0.05), ("reinhard", 0.65)])
def test_a_recoloured_slide_is_brought_back(method, left):
    """Both slides are measured; they show the same tissue."""
    ours, theirs = stained_slide(PURPLE), stained_slide(PINK)
    normalise = Normaliser(method, statistics_of(theirs), statistics_of(ours))
    before, after = (
        np.abs(image.astype(int) - ours.image).mean()
        for image in (theirs.image, normalise(theirs.image))
    )
    assert before > 12
    assert after < left * before


def test_reinhard_brings_tissue_to_the_targets_mean_and_spread():
    image = stained(PURPLE, amounts())[120:]
    light = (image.reshape(-1, 1, 3) / np.array(PURPLE.glass)).astype(np.float32)
    lab = lab_of(light)[:, 0].astype(float)
    assert (lab[:, 0] < -STAINED * 3**0.5).all()
    own = {"mean": tuple(lab.mean(axis=0)), "spread": tuple(lab.std(axis=0))}
    found = Normaliser("reinhard", PURPLE.model_copy(update=own), PINK)(image)
    light = (found.reshape(-1, 1, 3) / np.array(PINK.glass)).astype(np.float32)
    lab = lab_of(light)[:, 0].astype(float)
    np.testing.assert_allclose(lab.mean(axis=0), PINK.mean, atol=0.01)
    np.testing.assert_allclose(lab.std(axis=0), PINK.spread, rtol=0.1)


@pytest.mark.parametrize("method", METHODS)
def test_a_slide_that_is_its_own_target_keeps_every_colour(method):
    image = all_colours()
    np.testing.assert_array_equal(Normaliser(method, PINK, PINK)(image), image)


def test_glass_becomes_the_targets_glass(to_pink):
    pixel = np.full((1, 1, 3), PURPLE.glass, np.uint8)
    np.testing.assert_allclose(to_pink(pixel)[0, 0], PINK.glass, atol=1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("source", [PURPLE, PINK], ids=["purple", "pink"])
def test_white_stays_white_and_glass_stays_grey(method, source):
    white = StainStatistics.from_dict({**REFERENCE.to_dict(), "glass": (255.0, 255.0, 255.0)})
    normalise = Normaliser(method, source, white)
    assert (normalise(np.full((2, 2, 3), 255, np.uint8)) == 255).all()
    noise = np.random.default_rng(0).integers(-2, 3, (50, 50, 3))
    noisy = (np.array(source.glass) + noise).astype(np.uint8)
    assert normalise(noisy).min() >= 245


def test_a_pixel_depends_on_nothing_else(to_pink):
    image = np.random.default_rng(0).integers(0, 256, (333, 517, 3), np.uint8)
    whole = to_pink(image)
    np.testing.assert_array_equal(to_pink(image[100:207, 31:400]), whole[100:207, 31:400])
    np.testing.assert_array_equal(to_pink(image[::-1, ::2]), whole[::-1, ::2])
    np.testing.assert_array_equal(to_pink(image[7:8, 9:10]), whole[7:8, 9:10])
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(to_pink, [image] * 8):
            np.testing.assert_array_equal(found, whole)


@pytest.mark.parametrize("shape", [(0, 0, 3), (0, 5, 3), (5, 0, 3), (1, 200_000, 3)])
def test_any_shape_comes_back_and_the_image_is_left_alone(to_pink, shape):
    image = np.full(shape, 100, np.uint8)
    assert to_pink(image).shape == shape
    assert (image == 100).all()


def statistics():
    def vector(low, high, length):
        return st.tuples(*[st.floats(low, high)] * length)

    def unit(angles):
        polar, turn = angles
        return (np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar))

    stain = st.tuples(st.floats(0, 3), st.floats(0, 6)).map(unit)
    return (
        st.fixed_dictionaries(
            {
                "glass": vector(1, 255, 3),
                "haematoxylin": stain,
                "eosin": stain,
                "most": vector(0.01, 20, 2),
                "mean": vector(-20, 20, 3),
                "spread": vector(1e-3, 20, 3),
            }
        )
        .filter(lambda d: abs(np.dot(d["haematoxylin"], d["eosin"])) < 0.998)
        .map(StainStatistics.from_dict)
    )


# Without shrinking: every attempt that fails would keep a table of 64 MB in its traceback.
@settings(max_examples=6, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(st.sampled_from(METHODS), statistics(), statistics())
@pytest.mark.filterwarnings("error")
def test_whatever_statistics_may_say_gives_an_image(method, source, target):
    colours = all_colours()[::64, ::64]
    normalise = Normaliser(method, source, target)
    assert normalise(colours).shape == colours.shape
