"""A comparison as a table for the screen."""

from __future__ import annotations

import math

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from carcinomap.evaluation.comparison import Comparison, Difference
from carcinomap.evaluation.labels import LESS_IS_BETTER, OF_CLASS, OVERALL


def comparison_table(comparison: Comparison) -> RenderableType:
    """Return a comparison for a rich console; scores that neither side has are left out."""
    slides = len(comparison.slides)
    heading = Text(
        f"A  {comparison.first}\nB  {comparison.second}\n"
        f"{slides} slide{'s' * (slides != 1)} of {comparison.patients} "
        f"patient{'s' * (comparison.patients != 1)}"
    )
    table = Table("", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("A", "B", "B − A", "95 % interval", "same sign"):
        table.add_column(name, justify="right", no_wrap=True)
    _add(table, comparison, "", OVERALL)
    for name in comparison.scheme.names:
        table.add_section()
        table.add_row(Text(name, style="bold"))
        _add(table, comparison, f"classes.{name}.", OF_CLASS)
    meaning = Text(
        "↓: less is better. Bold: the interval, over patients, does not reach 0. Same sign: share "
        "of the resampled cohorts in which the same side is ahead.",
        style="dim",
    )
    return Group(heading, table, meaning)


def _add(table: Table, comparison: Comparison, prefix: str, names: dict[str, str]) -> None:
    for key, label in names.items():
        one = comparison.differences[prefix + key]
        if one.first is None and one.second is None:
            continue
        clear = one.interval is not None and (one.interval[0] > 0 or one.interval[1] < 0)
        mark = " ↓" if key in LESS_IS_BETTER else ""
        table.add_row(label + mark, *_texts(one, key), style="bold" if clear else None)


def _texts(one: Difference, key: str) -> list[str]:
    digits = 1 if key.endswith("_um") else 3
    values = ("–" if x is None else f"{x:.{digits}f}" for x in (one.first, one.second))
    difference = "–" if one.difference is None else _signed(one.difference, digits)
    ends = "–" if one.interval is None else " to ".join(_signed(x, digits) for x in one.interval)
    # Rounded down: 100 % are all.
    same = "–" if one.same_sign is None else f"{math.floor(100 * one.same_sign)} %"
    return [*values, difference, ends, same]


def _signed(value: float, digits: int) -> str:
    return f"{value:+z.{digits}f}".replace("-", "−")
