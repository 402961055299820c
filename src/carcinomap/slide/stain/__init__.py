"""How haematoxylin and eosin colour a slide, and how to make it look like slides of elsewhere."""

from carcinomap.slide.stain.measuring import statistics_of, typical_stain
from carcinomap.slide.stain.normaliser import Method, Normaliser
from carcinomap.slide.stain.statistics import REFERENCE, StainStatistics, median_of

__all__ = [
    "REFERENCE",
    "Method",
    "Normaliser",
    "StainStatistics",
    "median_of",
    "statistics_of",
    "typical_stain",
]
