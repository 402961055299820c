"""A choice among things that are not equally likely."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.random import Generator

T = TypeVar("T")


class Weighted(Generic[T]):
    """Some things, each drawn in proportion to its weight.

    Args:
        members: The things.
        weights: Of each, none below 0.
    """

    def __init__(self, members: Sequence[T], weights: Sequence[float]) -> None:
        self._members = members
        self._cumulated = np.cumsum(weights)

    def pick(self, random: Generator) -> T:
        """Draw one of them."""
        drawn = random.random() * self._cumulated[-1]
        place = int(np.searchsorted(self._cumulated, drawn, side="right"))
        return self._members[min(place, len(self._members) - 1)]
