"""Sources without files, to sample from."""

import numpy as np
import shapely

from carcinomap.annotation import Annotation, AnnotationSet, ClassScheme
from carcinomap.cohort import PatchSource
from carcinomap.slide import TissueMask, View

SCHEME = ClassScheme.default()
VIEW = View(1.0, 64)
MPP = 0.5
HALF = 64  # of the view, in level-0 pixels
LARGE = ("invasive", (200, 200, 1800, 1800))
SMALL = ("in situ", (2500, 2500, 2600, 2600))


def source(*regions, case=0, side=4000, tissue=None):
    """Return a source with boxes as regions, and one box of tissue: all of it by default."""
    mask = np.zeros((side // 16, side // 16), bool)
    left, top, right, bottom = tissue or (0, 0, side, side)
    mask[top // 16 : bottom // 16, left // 16 : right // 16] = True
    annotations = AnnotationSet(
        tuple(Annotation(label, shapely.box(*box)) for label, box in regions)
    )
    return PatchSource(case, side, side, MPP, TissueMask(mask, 8.0, MPP), annotations)


def keys(sampler, steps=40, batch=8):
    """Return the keys of the first steps."""
    return [key for step in range(steps) for key in sampler.batch(step, batch)]
