"""Pixels: open a slide, read any region of it at any microns-per-pixel, find its tissue.

Everything above this room asks for pixels in physical units and level-0 coordinates; which
pyramid level they come from, how they are decoded and resampled, stays in here.
"""

from carcinomap.slide.opening import find_slides, is_slide_file, open_slide, visible_files
from carcinomap.slide.openslide_slide import MissingMppError
from carcinomap.slide.slide import Level, Slide
from carcinomap.slide.tissue import TissueMask, find_tissue
from carcinomap.slide.view import View

__all__ = [
    "Level",
    "MissingMppError",
    "Slide",
    "TissueMask",
    "View",
    "find_slides",
    "find_tissue",
    "is_slide_file",
    "open_slide",
    "visible_files",
]
