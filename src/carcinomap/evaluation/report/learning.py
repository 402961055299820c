"""How a training went, as charts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from carcinomap.evaluation.curves import OF_CLASS, Curve
from carcinomap.evaluation.pictures import Colour
from carcinomap.evaluation.report.axis import linear, unit
from carcinomap.evaluation.report.charts import Chart, Line, line

WIDTH, HEIGHT = 220.0, 170.0
NAME_HEIGHT = 14.0
MOST_NAMED = 12
"""With more names than this in a chart none is written: they would not fit beside it."""
IOU = "IoU in validation"
TITLES = {
    "loss": "Loss",
    "val/loss": "Loss",
    "val/mean_iou": IOU,
    OF_CLASS: IOU,
    "learning_rate": "Learning rate",
}
NAMES = {"loss": "training", "val/loss": "validation", "val/mean_iou": "mean", "learning_rate": ""}


def learning_charts(curves: Iterable[Curve], colours: dict[str, Colour]) -> list[Chart]:
    """Return the charts of a training, or of several together.

    Args:
        curves: As the log has them.
        colours: Of the classes.
    """
    charts: dict[str, list[Curve]] = {}
    for curve in curves:
        key = OF_CLASS if curve.name.startswith(OF_CLASS) else curve.name
        charts.setdefault(TITLES[key], []).append(curve)
    return [_chart(title, found, colours) for title, found in charts.items()]


def _chart(title: str, curves: Sequence[Curve], colours: dict[str, Colour]) -> Chart:
    x = linear("step", [0, *(step for curve in curves for step in curve.steps)], WIDTH)
    values = [0.0, *(value for curve in curves for value in curve.values)]
    y = unit("", -HEIGHT) if title == IOU else linear("", values, -HEIGHT)
    lines = []
    for curve in curves:
        name = curve.name.removeprefix(OF_CLASS)
        lines.append(
            replace(
                line(zip(curve.steps, curve.values, strict=True), x, y),
                name=NAMES.get(curve.name, name),
                colour=colours.get(name),
                quiet=curve.name == "loss",
            )
        )
    return Chart(title, x, y, tuple(_named(lines)))


def _named(lines: Sequence[Line]) -> Iterator[Line]:
    """Yield lines so named that no name lies on another; of equal names one is written."""
    written: set[str] = set()
    too_many = len({one.name for one in lines}) > MOST_NAMED
    lowest = -NAME_HEIGHT
    for one in sorted(lines, key=lambda one: one.places[-1][1]):
        if too_many or one.name in written:
            yield replace(one, name="")
            continue
        written.add(one.name)
        lowest = max(one.places[-1][1], lowest + NAME_HEIGHT)
        yield replace(one, name_y=round(lowest, 2))
