"""The scores as tables for the screen."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from carcinomap.evaluation.confusion import has_bach_classes
from carcinomap.evaluation.labels import OVERALL, listed
from carcinomap.evaluation.report import area_text, score_text
from carcinomap.evaluation.scores import CaseScores, Scores, class_figures, overall_figures

MOST_SLIDES = 20
"""With more slides than this, the screen shows their sum alone; the report has them all."""

SHOWN = {
    "iou": "IoU",
    "precision": "precision",
    "recall": "recall",
    "surface_dice": "boundary",
    "region_f1": "regions",
}
"""Scores of a class that fit on a screen of 80 letters, and their headings there."""


def score_table(scores: Scores) -> RenderableType:
    """Return the scores for a rich console: classes, overall, slides, and what is left out."""
    parts: list[RenderableType] = [_classes(scores), _overall(scores)]
    if 1 < len(scores.cases) <= MOST_SLIDES:
        parts.append(_slides(scores))
    parts.extend(Text(line, style="yellow") for line in (*scores.warnings, *_left_out(scores)))
    return Group(*parts)


def _left_out(scores: Scores) -> list[str]:
    """Return a line on every slide that is not in the scores, or on several with one reason."""
    lines = [f"{name}: could not be scored: {why}" for name, why in scores.failures.items()]
    if scores.unmapped:
        lines.append(f"no map, left out: {listed(scores.unmapped)}")
    if scores.unannotated:
        lines.append(f"no annotation, left out: {listed(scores.unannotated)}")
    return lines


def _classes(scores: Scores) -> Table:
    """Return a line for every class: its scores, and its true area."""
    headings = list(SHOWN.values())
    if scores.intervals:
        headings.insert(1, "95 %")
    table = _table("class", *headings, "true mm²")
    of_classes = class_figures(scores.counts, scores.scheme, scores.settings)
    areas = scores.confusion.truth_pixels
    for (name, row), pixels in zip(of_classes.items(), areas, strict=True):
        cells = [score_text(row[key]) for key in SHOWN]
        if name == scores.scheme.names[0]:
            cells[-1] = score_text(None)  # the background is no lesion to be counted
        if scores.intervals:
            cells.insert(1, _interval(scores.intervals.get(f"classes.{name}.iou")))
        table.add_row(Text(name), *cells, area_text(pixels * scores.mpp**2 / 1e6))
    return table


def _overall(scores: Scores) -> Table:
    """Return a line for every score that is of no single class."""
    table = _table("all classes", "", "95 %")
    for key, value in overall_figures(scores.counts, scores.scheme).items():
        if value is not None:
            interval = _interval(scores.intervals.get(key))
            table.add_row(OVERALL[key], score_text(value), interval)
    return table


def _interval(ends: tuple[float, float] | None) -> str:
    return "–".join(f"{end:.2f}" for end in ends) if ends else ""


def _slides(scores: Scores) -> Table:
    table = _table("slide", *_figure_names(scores))
    for case in scores.cases:
        table.add_row(Text(case.case.name), *_figures(case))
    return table


def _figure_names(scores: Scores) -> list[str]:
    names = ["mean IoU", "mean Dice", "accuracy", "BACH score"]
    return names if has_bach_classes(scores.scheme) else names[:-1]


def _figures(scores: Scores | CaseScores) -> list[str]:
    """Return what ``_figure_names`` names."""
    confusion = scores.confusion
    figures = [confusion.mean_iou, confusion.mean_dice, confusion.pixel_accuracy]
    if has_bach_classes(scores.scheme):
        figures.append(scores.bach)
    return [score_text(figure) for figure in figures]


def _table(first: str, *others: str) -> Table:
    column = Column(first, overflow="fold")
    table = Table(column, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in others:
        table.add_column(name, justify="right")
    return table
