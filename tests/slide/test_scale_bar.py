import pytest

from carcinomap.slide.scale_bar import bar_length, bar_text


@pytest.mark.parametrize(
    ("longest", "text"), [(199, "100 µm"), (200.1, "200 µm"), (999, "500 µm"), (5200, "5 mm")]
)
def test_bars_have_round_lengths_in_the_usual_unit(longest, text):
    assert bar_text(bar_length(longest)) == text
