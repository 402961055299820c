import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carcinomap.slide.resample import QUANTA, area_average, source_range, spans


def average(source, x, y, step, width, height):
    across, down = spans(x, step, width), spans(y, step, height)
    (left, right), (top, bottom) = source_range(*across), source_range(*down)
    return area_average(source[top:bottom, left:right], across, down)


def brute_force(source, x, y, step, width, height):
    """Integrate the piecewise constant image over each output pixel in floating point."""
    fine = 64
    result = np.empty((height, width, source.shape[2]))
    offsets = (np.arange(fine) + 0.5) / fine * step
    for i in range(height):
        rows = np.floor(y + i * step + offsets).astype(int)
        for j in range(width):
            columns = np.floor(x + j * step + offsets).astype(int)
            result[i, j] = source[np.ix_(rows, columns)].mean(axis=(0, 1))
    return result


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(1).integers(0, 256, (300, 310, 3), dtype=np.uint8)


@given(
    x=st.floats(0, 40),
    y=st.floats(0, 40),
    step=st.floats(1, 20),
    width=st.integers(1, 6),
    height=st.integers(1, 6),
)
def test_average_is_the_integral_over_the_pixel(noise, x, y, step, width, height):
    expected = brute_force(noise, x, y, step, width, height)
    result = average(noise, x, y, step, width, height)
    # Positions are kept to 1/256 of a pixel; the sampling above is coarser still.
    assert np.abs(result - expected).max() <= 6


@given(step=st.floats(0.3, 12), column=st.integers(0, 5), row=st.integers(0, 5))
def test_window_equals_crop_of_larger_window(noise, step, column, row):
    whole = average(noise, 20.3, 30.7, step, 12, 11)
    part = average(noise, 20.3 + column * step, 30.7 + row * step, step, 5, 4)
    np.testing.assert_array_equal(part, whole[row : row + 4, column : column + 5])


def test_whole_step_is_the_mean_of_the_block(noise):
    result = average(noise, 4, 8, 4, 10, 10)
    blocks = noise[8:48, 4:44].reshape(10, 4, 10, 4, 3).mean(axis=(1, 3))
    np.testing.assert_array_equal(result, np.floor(blocks + 0.5 + 1e-6))


def test_magnification_interpolates_between_centres():
    ramp = (
        np.arange(0, 200, 10, dtype=np.uint8).reshape(1, -1, 1).repeat(4, axis=0).repeat(3, axis=2)
    )
    result = average(ramp, 5, 1, 0.25, 8, 1)[0, :, 0]
    centres = 5 + (np.arange(8) + 0.5) * 0.25
    np.testing.assert_allclose(result, (centres - 0.5) * 10, atol=0.6)


def test_constant_stays_constant_at_every_width():
    flat = np.full((2000, 900, 3), 137, np.uint8)
    for step in (0.7, 1.3, 9.9, 10.1, 97.3):
        assert (average(flat, 3.2, 5.1, step, 8, 8) == 137).all()


def test_spans_meet_without_gap_or_overlap():
    begin, end = spans(0.37, 3.21, 100)
    assert (np.abs(begin[1:] - end[:-1]) <= 1).all()
    assert end[-1] - begin[0] == pytest.approx(321 * QUANTA, abs=1)


@given(
    exponent=st.integers(1, 4),
    width=st.integers(1, 7),
    height=st.integers(1, 7),
    column=st.integers(0, 30),
    row=st.integers(0, 30),
)
def test_halving_gives_the_same_numbers_as_the_general_way(
    noise, exponent, width, height, column, row
):
    step = 2**exponent
    # Few grey levels, so that many means lie half-way between two.
    for source in (noise, noise % 3 + 253):
        quick = average(source, column, row, step, width, height)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("carcinomap.slide.resample.HALVINGS", {})
            general = average(source, column, row, step, width, height)
        np.testing.assert_array_equal(quick, general)
