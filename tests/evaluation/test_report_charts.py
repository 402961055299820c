"""Axes and charts: every value is where its ticks say it is, and nothing is off the paper."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carcinomap.evaluation.calibration import Calibration
from carcinomap.evaluation.curves import Curve
from carcinomap.evaluation.report.axis import decades, linear, unit
from carcinomap.evaluation.report.charts import SQUARE, reliability_chart
from carcinomap.evaluation.report.learning import NAME_HEIGHT, learning_charts

COLOURS = {"normal": (179, 179, 179), "invasive": (213, 94, 0)}
NUMBERS = st.floats(-1e12, 1e12)


@given(st.lists(NUMBERS, max_size=8))
def test_a_linear_axis_holds_its_values_between_few_ticks(values):
    axis = linear("", values, 100)
    assert 2 <= len(axis.ticks) <= 8
    slack = 1e-9 * max(map(abs, values), default=1)
    assert all(axis.low - slack <= value <= axis.high + slack for value in values)
    assert all(0 <= axis.place(value) <= 100 for value in values)
    assert (axis.place(axis.low), axis.place(axis.high)) == (0, 100)


@given(st.lists(st.just(0.0) | st.floats(1e-9, 1e9), max_size=8))
def test_a_logarithmic_axis_has_a_place_for_nothing(values):
    axis = decades("", values, -100)
    assert axis.place(0) == 100
    assert axis.ticks[0][1] == "0"
    assert all(0 <= axis.place(value) <= 100 for value in values)


def test_ticks_are_round_and_at_their_values():
    assert [text for _, text in unit("", -50).ticks] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert unit("", -50).place(0.2) == 40
    assert [text for _, text in decades("", [0.03, 20], 400).ticks] == [
        "0", "0.01", "0.1", "1", "10", "100"
    ]  # fmt: skip
    assert decades("", [0.03, 20], 500).place(1) == 300
    assert [text for _, text in linear("", [0, 1e-3], 1).ticks][1:3] == ["2e−4", "4e−4"]


def calibration(*bins):
    pixels, right = np.zeros(15, np.int64), np.zeros(15, np.int64)
    confidence = np.zeros(15)
    for number, count, hits, sure in bins:
        pixels[number], right[number], confidence[number] = count, hits, count * sure
    return Calibration(pixels, right, confidence)


def test_the_reliability_plot():
    chart = reliability_chart(calibration((7, 100, 25, 0.5), (14, 300, 300, 1.0)))
    assert [(mark.x, mark.y) for mark in chart.marks] == [
        (SQUARE / 2, SQUARE * 3 / 4),
        (SQUARE, 0),
    ]
    assert "0.250 right, 25.0 % of the area" in chart.marks[0].title
    heights = [height for *_, height in chart.bars]
    assert heights[7] == pytest.approx(heights[14] / 3, abs=0.01)
    assert sum(height > 0 for height in heights) == 2
    assert reliability_chart(Calibration.empty(4)) is None


def test_learning_curves_are_sorted_into_charts():
    charts = learning_charts(
        [
            Curve("loss", (0, 5, 10), (2.0, 1.0, 0.5)),
            Curve("val/loss", (10,), (0.7,)),
            Curve("val/mean_iou", (10,), (0.4,)),
            Curve("val/iou/invasive", (10,), (0.41,)),
            Curve("learning_rate", (0, 10), (0.001, 0.0)),
        ],
        COLOURS,
    )
    assert [chart.title for chart in charts] == ["Loss", "IoU in validation", "Learning rate"]
    assert {line.name for line in charts[0].lines} == {"training", "validation"}
    colours = {line.name: line.colour for line in charts[1].lines}
    assert colours == {"mean": None, "invasive": COLOURS["invasive"]}
    heights = sorted(line.name_y for line in charts[1].lines)
    assert heights[1] - heights[0] >= NAME_HEIGHT


def test_the_curves_of_several_runs_are_named_once():
    runs = [Curve("loss", (0, 1), (1.0, value), f"fold-{value}") for value in (0.1, 0.2)]
    (chart,) = learning_charts(runs, COLOURS)
    assert sorted(line.name for line in chart.lines) == ["", "training"]


def test_no_curves_make_no_charts():
    assert learning_charts([], COLOURS) == []
