"""A slide and a model become a map of the slide.

Only tiles with tissue are read and shown to the network; where they overlap, their
probabilities are blended with weights and divided by the summed weights, in memory that does not
grow with the slide. Finished cells of the map go to disk compressed, and from there into one
pyramidal OME-TIFF; outlines with true holes, a picture and the areas in numbers are made from
that file. A result stands under its final name when it is whole, or not at all.
"""

from carcinomap.segmentation.estimates import Estimates, estimate_slides
from carcinomap.segmentation.many_slides import Segmentations, segment, segment_slides
from carcinomap.segmentation.one_slide import Segmentation, segment_slide
from carcinomap.segmentation.results.classmap import ClassMap
from carcinomap.segmentation.results.outputs import PROBABILITIES
from carcinomap.segmentation.results.planes import Planes
from carcinomap.segmentation.settings import SegmentationSettings
from carcinomap.segmentation.unfinished.spool import NOT_MAPPED

__all__ = [
    "NOT_MAPPED",
    "PROBABILITIES",
    "ClassMap",
    "Estimates",
    "Planes",
    "Segmentation",
    "SegmentationSettings",
    "Segmentations",
    "estimate_slides",
    "segment",
    "segment_slide",
    "segment_slides",
]
