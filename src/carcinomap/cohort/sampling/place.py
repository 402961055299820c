"""Something that the centres of patches are drawn from."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from numpy.random import Generator

from carcinomap.annotation import ClassScheme
from carcinomap.cohort.sources import PatchSource


@dataclass(frozen=True)
class Place(ABC):
    """A part of a slide where one class is looked for.

    Attributes:
        source: The slide's case.
        scheme: The classes.
        index: The class.
        weight: How likely the place is beside others, where they are not equally so.
    """

    source: PatchSource
    scheme: ClassScheme
    index: int
    weight: float

    @abstractmethod
    def point(self, random: Generator) -> tuple[float, float]:
        """Return a level-0 point of the place; not every one ``holds``."""

    def holds(self, x: float, y: float) -> bool:
        """Say whether a level-0 point lies on tissue and has the class, whatever lies on top."""
        tissue = self.source.is_tissue(x, y)
        return tissue and self.source.label_at(x, y, self.scheme) == self.index
