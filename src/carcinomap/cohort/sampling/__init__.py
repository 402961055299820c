"""Where the patches of a training lie, each a function of (seed, step, sample) and hard places.

A patch's kind is drawn first: tissue that nobody outlined, the regions of one class, or places
that were hard to tell. Then a slide, then a region of it, then a point in that, then how far the
patch is moved from there. A ``Sampling`` says how each of these is drawn.
"""

from carcinomap.cohort.sampling.grid import grid_keys
from carcinomap.cohort.sampling.hard import HardPlaces
from carcinomap.cohort.sampling.sampler import PatchSampler
from carcinomap.cohort.sampling.strategy import Sampling

__all__ = ["HardPlaces", "PatchSampler", "Sampling", "grid_keys"]
