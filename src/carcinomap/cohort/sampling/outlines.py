"""Outlined regions, class by class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.random import Generator

from carcinomap.annotation import IGNORE, Area, ClassScheme
from carcinomap.cohort.sampling.place import Place
from carcinomap.cohort.sources import PatchSource
from carcinomap.slide import View

THROWS = 32  # at a time: most regions fill more than a tenth of their bounds


@dataclass(frozen=True)
class Outline(Place):
    """An outlined region.

    Attributes:
        area: The part of it where the centre of a patch may lie.
    """

    area: Area

    def point(self, random: Generator) -> tuple[float, float]:
        """Return a level-0 point inside the region, all equally likely."""
        left, top, right, bottom = self.area.bounds
        x = random.uniform(left, right, THROWS)
        y = random.uniform(top, bottom, THROWS)
        hits = np.flatnonzero(shapely.contains_xy(self.area, x, y))
        if hits.size:
            return float(x[hits[0]]), float(y[hits[0]])
        inner = self.area.representative_point()  # a shape so thin that no throw hit it
        return inner.x, inner.y


def outlines_by_class(
    sources: Sequence[PatchSource], scheme: ClassScheme, view: View
) -> dict[int, list[Outline]]:
    """Collect the regions, or parts of them, where a patch may be centred.

    Returns:
        By class, in its order; weighed by their areas in µm².
    """
    found: dict[int, list[Outline]] = {}
    for source in sources:
        half = view.size * view.mpp / source.mpp / 2
        for index, geometry in source.annotations.polygons(scheme):
            part = source.allowed(geometry, half)
            if index != IGNORE and part.area > 0:
                shapely.prepare(part)
                outline = Outline(source, scheme, index, part.area * source.mpp**2, part)
                found.setdefault(index, []).append(outline)
    return dict(sorted(found.items()))
