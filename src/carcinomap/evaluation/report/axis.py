"""Axes of charts: where on paper a value is, and the round values that are written there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import ceil, floor, log10

TICKS = 5
"""An axis has about so many."""


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes:
        label: What it tells.
        low: The value at its start.
        high: The value at its end, above ``low``.
        length: How long it is on paper; negative for one that points up.
        ticks: The values to write, and how.
        scaled: What makes a value grow evenly along the axis.
    """

    label: str
    low: float
    high: float
    length: float
    ticks: tuple[tuple[float, str], ...]
    scaled: Callable[[float], float] = float

    def place(self, value: float) -> float:
        """Return how far from the left, or from the top, a value is."""
        low, high = self.scaled(self.low), self.scaled(self.high)
        share = (self.scaled(value) - low) / (high - low)
        along = min(max(share, 0.0), 1.0) * abs(self.length)
        return round(along if self.length > 0 else -self.length - along, 2)


def linear(label: str, values: Iterable[float], length: float) -> Axis:
    """Return an axis on which all values are, between round ends."""
    known = list(values) or [0.0, 1.0]
    low, high = min(known), max(known)
    if high - low < 1e-9 * max(abs(low), abs(high), 1e-9):
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    step = _step((high - low) / TICKS)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    ticks = tuple((n * step, _short(n * step)) for n in range(first, last + 1))
    return Axis(label, first * step, last * step, length, ticks)


def unit(label: str, length: float) -> Axis:
    """Return an axis from 0 to 1."""
    return linear(label, (0.0, 1.0), length)


def decades(label: str, values: Iterable[float], length: float) -> Axis:
    """Return a logarithmic axis that begins with a place of its own for 0."""
    known = [value for value in values if value > 0] or [1.0]
    first, last = floor(log10(min(known))), ceil(log10(max(known)))
    last = max(last, first + 1)
    none = 10.0 ** (first - 1)
    ticks = ((none, "0"), *((10.0**n, _short(10.0**n)) for n in range(first, last + 1)))
    return Axis(label, none, 10.0**last, length, ticks, lambda value: log10(max(value, none)))


def _step(least: float) -> float:
    """Return the smallest 1, 2 or 5 times a power of ten that is not below ``least``."""
    power = 10.0 ** floor(log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9))


def _short(value: float) -> str:
    """Write a round number in few letters."""
    if value and not 1e-3 <= abs(value) < 1e6:
        return f"{value:.0e}".replace("e-0", "e−").replace("e+0", "e").replace("e-", "e−")
    return f"{value:,g}".replace("-", "−") if abs(value) >= 1e4 else f"{value:g}".replace("-", "−")
