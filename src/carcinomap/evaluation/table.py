"""The scores as tables for the screen."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from carcinomap.evaluation.confusion import has_bach_classes
from carcinomap.evaluation.report import area_text, score_text
from carcinomap.evaluation.scores import CaseScores, Scores

MOST_SLIDES = 20
"""With more slides than this, the screen shows their sum alone; the report has them all."""


def score_table(scores: Scores) -> RenderableType:
    """Return the scores for a rich console: classes, overall, slides, and what is left out."""
    parts: list[RenderableType] = [_classes(scores), _overall(scores)]
    if 1 < len(scores.cases) <= MOST_SLIDES:
        parts.append(_slides(scores))
    parts.extend(Text(line, style="yellow") for line in _left_out(scores))
    return Group(*parts)


def _left_out(scores: Scores) -> list[str]:
    """Return a line on every slide that is not in the scores, or on several with one reason."""
    lines = [f"{name}: could not be scored: {why}" for name, why in scores.failures.items()]
    if scores.unmapped:
        lines.append(f"no map, left out: {', '.join(scores.unmapped)}")
    if scores.unannotated:
        lines.append(f"no annotation, left out: {', '.join(scores.unannotated)}")
    return lines


def _classes(scores: Scores) -> Table:
    table = _table("class", "IoU", "Dice", "precision", "recall", "true mm²")
    confusion = scores.confusion
    rows = zip(
        scores.scheme.names,
        confusion.iou,
        confusion.dice,
        confusion.precision,
        confusion.recall,
        confusion.truth_pixels,
        strict=True,
    )
    for name, *figures, pixels in rows:
        area = area_text(pixels * scores.mpp**2 / 1e6)
        table.add_row(escape(name), *map(score_text, figures), area)
    return table


def _overall(scores: Scores) -> Text:
    names = _figure_names(scores)
    shown = [f"{name} {text}" for name, text in zip(names, _figures(scores), strict=True)]
    return Text("   ".join(shown), style="bold")


def _slides(scores: Scores) -> Table:
    table = _table("slide", *_figure_names(scores))
    for case in scores.cases:
        table.add_row(escape(case.case.name), *_figures(case))
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
    table = Table(first, box=box.SIMPLE_HEAD, pad_edge=False)
    for name in others:
        table.add_column(name, justify="right")
    return table
