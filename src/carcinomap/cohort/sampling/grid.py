"""Keys that cover a slide."""

import math

import numpy as np

from carcinomap.annotation import IGNORE, ClassScheme
from carcinomap.cohort.keys import PatchKey
from carcinomap.cohort.sources import PatchSource
from carcinomap.slide import View


def grid_keys(
    source: PatchSource, scheme: ClassScheme, view: View, least: float = 0.05
) -> list[PatchKey]:
    """Return keys that cover a source, where there is tissue or an outlined region.

    Args:
        source: The case. A patch that is larger than what the source is limited to reaches beyond.
        scheme: The classes.
        view: The patch.
        least: Smallest share of the patch that must be tissue or outlined.
    """
    side = view.size * view.mpp / source.mpp
    bounds = source.bounds
    keys = []
    for y in _centres(bounds.top, bounds.bottom, side):
        for x in _centres(bounds.left, bounds.right, side):
            corner = (x - side / 2, y - side / 2)
            label = source.annotations.label_image(*corner, 32, 32, side / 32, scheme)
            outlined = np.count_nonzero((label > 0) & (label != IGNORE)) / label.size
            if max(source.tissue.fraction(*corner, side, side), outlined) >= least:
                keys.append(PatchKey(source.case, x, y))
    return keys


def _centres(start: float, stop: float, side: float) -> list[float]:
    """Return centres of as few patches as cover a length, spread evenly from end to end."""
    count = math.ceil((stop - start) / side - 1e-6)
    if count <= 1:
        return [(start + stop) / 2]
    step = (stop - start - side) / (count - 1)
    return [start + side / 2 + i * step for i in range(count)]
