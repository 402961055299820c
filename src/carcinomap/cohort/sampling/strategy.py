"""How places are drawn, as a plain value."""

from dataclasses import dataclass
from typing import Literal

Spread = Literal["area", "equally"]


@dataclass(frozen=True)
class Sampling:
    """How the patches of a training are spread.

    Attributes:
        slides: How patches of one kind are spread over the slides that have it.
        polygons: How patches of one class are spread over the regions of a slide.
        background: Share of the patches that are centred on tissue nobody outlined; the classes
            that are outlined have equal shares of the rest. None makes all classes equal: class 0
            is then that tissue, and regions of class 0, by area.
        hard: Share of the patches of class 0 that come from hard places, once there are any.
        jitter: How far off the drawn point a patch is centred at most, along either axis, as a
            share of its side: what is outlined is to be seen off centre too.
        scale_jitter: Scales lie between 1 / (1 + scale_jitter) and 1 + scale_jitter.
    """

    slides: Spread = "area"
    polygons: Spread = "area"
    background: float | None = None
    hard: float = 0.0
    jitter: float = 0.25
    scale_jitter: float = 0.0
