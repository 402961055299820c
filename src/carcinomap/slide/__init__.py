"""Pixels: open a slide, read any region of it at any microns-per-pixel, find its tissue.

Everything above this room asks for pixels in physical units and level-0 coordinates; which
pyramid level they come from, how they are decoded and resampled, stays in here.
"""

from carcinomap.slide.finding import find_slides, is_own_output, is_slide_file, visible_files
from carcinomap.slide.opening import open_slide
from carcinomap.slide.quickhash import quickhash
from carcinomap.slide.readers import MissingMppError, check_mpp
from carcinomap.slide.slide import Level, Slide
from carcinomap.slide.tissue import (
    Artefact,
    QualityMap,
    TissueMask,
    find_artefacts,
    find_tissue,
)
from carcinomap.slide.view import View, read_mirrored

__all__ = [
    "Artefact",
    "Level",
    "MissingMppError",
    "QualityMap",
    "Slide",
    "TissueMask",
    "View",
    "check_mpp",
    "find_artefacts",
    "find_slides",
    "find_tissue",
    "is_own_output",
    "is_slide_file",
    "open_slide",
    "quickhash",
    "read_mirrored",
    "visible_files",
]
