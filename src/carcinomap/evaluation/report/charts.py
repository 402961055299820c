"""The charts of the report, as places on paper: the templates only draw them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from carcinomap.evaluation.calibration import Calibration
from carcinomap.evaluation.pictures import Colour
from carcinomap.evaluation.report.axis import Axis, decades, unit
from carcinomap.evaluation.scores import Scores

SQUARE = 280.0
"""Side of a chart on which both axes tell the same."""
SHAPES = ("circle", "square", "triangle", "diamond")
"""Marks of classes, which differ without their colours."""


@dataclass(frozen=True)
class Line:
    """A curve.

    Attributes:
        places: Where it goes: (x, y), at least one.
        name: What is written at its end, or nothing.
        name_y: How high that is written.
        colour: Of its class; None for the colour of the text.
        quiet: Thin, since another line is what counts.
    """

    places: tuple[tuple[float, float], ...]
    name: str = ""
    name_y: float = 0.0
    colour: Colour | None = None
    quiet: bool = False

    @property
    def points(self) -> str:
        """The places as SVG writes them."""
        return " ".join(f"{x:g},{y:g}" for x, y in self.places)


def line(values: Iterable[tuple[float, float]], x: Axis, y: Axis) -> Line:
    """Return the curve through some (x, y) between two axes."""
    return Line(tuple((x.place(across), y.place(up)) for across, up in values))


@dataclass(frozen=True)
class Mark:
    """A point: its place, half its width, its shape, and what it says when pointed at."""

    x: float
    y: float
    size: float
    shape: str
    colour: Colour | None
    title: str


@dataclass(frozen=True)
class Chart:
    """A chart between two axes.

    Attributes:
        title: Its heading.
        x: The axis below.
        y: The axis on the left.
        lines: Curves.
        marks: Points.
        bars: Bars that stand on the axis below: (left, width, height).
        identity: A line from corner to corner, on which both axes agree.
    """

    title: str
    x: Axis
    y: Axis
    lines: tuple[Line, ...] = ()
    marks: tuple[Mark, ...] = ()
    bars: tuple[tuple[float, float, float], ...] = ()
    identity: bool = False


def reliability_chart(calibration: Calibration) -> Chart | None:
    """Return how often the map is right where it is how sure; None without probabilities."""
    bins = calibration.reliability
    if not bins:
        return None
    x, y = unit("probability of the mapped class", SQUARE), unit("share that is right", -SQUARE)
    every, most = sum(one.pixels for one in bins), max(one.pixels for one in bins)
    marks = tuple(
        Mark(
            x.place(one.confidence),
            y.place(one.right),
            3.5,
            "circle",
            None,
            f"mapped with {one.confidence:.3f}: {one.right:.3f} right, "
            f"{100 * one.pixels / every:.1f} % of the area",
        )
        for one in bins
    )
    width = SQUARE / len(calibration.pixels)
    bars = tuple(
        (round(number * width, 2), round(width, 2), round(SQUARE / 5 * int(pixels) / most, 2))
        for number, pixels in enumerate(calibration.pixels)
    )
    curve = line(((one.confidence, one.right) for one in bins), x, y)
    return Chart("Reliability", x, y, (curve,), marks, bars, identity=True)


def area_chart(scores: Scores, colours: dict[str, Colour]) -> Chart:
    """Return the true against the mapped area of every class but the background in each slide."""
    mm2 = scores.mpp**2 / 1e6
    areas = [
        (case.case.name, name, true * mm2, mapped * mm2)
        for case in scores.cases
        for name, true, mapped in zip(
            scores.scheme.names[1:],
            case.confusion.truth_pixels[1:],
            case.confusion.mapped_pixels[1:],
            strict=True,
        )
        if true or mapped
    ]
    ends = [area for *_, true, mapped in areas for area in (true, mapped)]
    x, y = decades("annotated, mm²", ends, SQUARE), decades("mapped, mm²", ends, -SQUARE)
    shapes = class_shapes(scores.scheme.names)
    marks = tuple(
        Mark(
            x.place(true),
            y.place(mapped),
            4.5,
            shapes[name],
            colours[name],
            f"{slide}, {name}: {true:.3g} mm² annotated, {mapped:.3g} mm² mapped",
        )
        for slide, name, true, mapped in areas
    )
    return Chart("Areas", x, y, marks=marks, identity=True)


def class_shapes(names: Sequence[str]) -> dict[str, str]:
    """Return the shape of every class's marks by its name."""
    return {name: SHAPES[number % len(SHAPES)] for number, name in enumerate(names)}
