"""The kinds of slide files, each of which knows how to decode a rectangle of a level.

``TiffSlide`` reads TIFF tile by tile, ``OpenSlideSlide`` leaves it to OpenSlide, ``ImageSlide``
holds a PNG or JPEG whole. Where one declines a file, it says why, and the next is asked.
"""

from carcinomap.slide.readers.image_slide import ImageSlide
from carcinomap.slide.readers.openslide_slide import OpenSlideSlide
from carcinomap.slide.readers.pixel_size import MissingMppError, check_mpp
from carcinomap.slide.readers.reader import DeclinedError, RefusedError, SlideFile
from carcinomap.slide.readers.tiff_slide import TiffSlide

__all__ = [
    "DeclinedError",
    "ImageSlide",
    "MissingMppError",
    "OpenSlideSlide",
    "RefusedError",
    "SlideFile",
    "TiffSlide",
    "check_mpp",
]
