"""What annotation files need to know of a slide, taken from the open slide."""

import math
from collections.abc import Mapping

from carcinomap.annotation import SlideFrame
from carcinomap.slide import Slide

_GLASS_OFFSET = ("hamamatsu.XOffsetFromSlideCentre", "hamamatsu.YOffsetFromSlideCentre")


def frame_of(slide: Slide, mpp_known: bool = True) -> SlideFrame:
    """Return where the coordinates of annotation files lie on a slide.

    Args:
        slide: The open slide.
        mpp_known: False where the slide was opened with a made-up mpp.
    """
    return SlideFrame(
        width=slide.width,
        height=slide.height,
        mpp=slide.mpp if mpp_known else None,
        bounds=slide.bounds_origin,
        glass_offset_nm=_pair(slide.properties, _GLASS_OFFSET),
    )


def _pair(properties: Mapping[str, str], names: tuple[str, str]) -> tuple[float, float] | None:
    """Return two properties as numbers, None unless both are finite ones."""
    try:
        x, y = (float(properties[name]) for name in names)
    except (KeyError, ValueError):
        return None
    return (x, y) if math.isfinite(x) and math.isfinite(y) else None
