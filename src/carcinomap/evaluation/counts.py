"""All that is counted of a slide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from carcinomap.evaluation.boundaries import Boundaries
from carcinomap.evaluation.calibration import Calibration
from carcinomap.evaluation.confusion import Confusion
from carcinomap.evaluation.regions import Regions


@dataclass(frozen=True, eq=False)
class Counts:
    """What was counted; slides add up, and a slide that is drawn three times counts three times.

    Attributes:
        confusion: Pixels by true and mapped class.
        boundaries: Boundary points by their distance to the other boundary.
        regions: Regions that are there, and that are right.
        calibration: Pixels by their probability; nothing where no probabilities were kept.
    """

    confusion: Confusion
    boundaries: Boundaries
    regions: Regions
    calibration: Calibration

    @classmethod
    def empty(cls, classes: int) -> Counts:
        """Return the counts of nothing."""
        return cls(
            Confusion.empty(classes),
            Boundaries.empty(classes),
            Regions.empty(classes),
            Calibration.empty(classes),
        )

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __mul__(self, times: int) -> Counts:
        return Counts(*(getattr(self, f.name) * times for f in fields(self)))

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as JSON holds them."""
        return {f.name: getattr(self, f.name).to_dict() for f in fields(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], classes: int) -> Counts:
        """Read what ``to_dict`` returned.

        Raises:
            ValueError: It is nothing of that kind, or of another number of classes.
        """
        try:
            return cls(
                Confusion.from_dict(data["confusion"], classes),
                Boundaries.from_dict(data["boundaries"], classes),
                Regions.from_dict(data["regions"], classes),
                Calibration.from_dict(data["calibration"], classes),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"no counts ({error})") from error
