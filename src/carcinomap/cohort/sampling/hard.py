"""Places of class 0 where a network saw something else."""

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.random import Generator

from carcinomap.annotation import ClassScheme
from carcinomap.cohort.sampling.place import Place
from carcinomap.cohort.sources import PatchSource


@dataclass(frozen=True)
class HardPlaces:
    """What was found hard, as plain numbers.

    Attributes:
        places: Of each its case, level-0 column and row, and a weight above 0; none before
            anything was looked for.
    """

    places: tuple[tuple[int, float, float, float], ...] = ()


@dataclass(frozen=True)
class HardPlace(Place):
    """One of them.

    Attributes:
        x: Level-0 column.
        y: Level-0 row.
    """

    x: float
    y: float

    def point(self, random: Generator) -> tuple[float, float]:
        """Return the place."""
        return self.x, self.y


def located(
    hard: HardPlaces, sources: Sequence[PatchSource], scheme: ClassScheme
) -> list[HardPlace]:
    """Return hard places with their cases."""
    by_case = {source.case: source for source in sources}
    return [HardPlace(by_case[case], scheme, 0, weight, x, y) for case, x, y, weight in hard.places]
