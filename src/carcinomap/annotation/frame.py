"""What an annotation file takes for granted about its slide."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SlideFrame:
    """Where the coordinates of an annotation file lie on the slide.

    ImageScope, ASAP and DSA count level-0 pixels from the slide's corner and need none of it;
    QuPath counts from the corner of the scanned bounds, NDP.view in nanometres from the centre
    of the glass, and the pixels of a label image are spread over the whole slide.

    Attributes:
        width: Level-0 width in pixels.
        height: Level-0 height in pixels.
        mpp: Microns per level-0 pixel, where it is known.
        bounds: Level-0 position (x, y) of the corner of the scanned bounds.
        glass_offset_nm: Where the slide image's centre lies from the centre of the glass, (x, y)
            in nanometres; None where the slide does not say.
    """

    width: int
    height: int
    mpp: float | None = None
    bounds: tuple[int, int] = (0, 0)
    glass_offset_nm: tuple[float, float] | None = None
