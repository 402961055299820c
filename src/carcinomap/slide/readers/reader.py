"""What the readers of slide files share."""

from collections.abc import Mapping, Sequence
from typing import Any

from carcinomap.slide.readers.pixel_size import microns_per_pixel
from carcinomap.slide.slide import Level, Slide
from carcinomap.storage import AnyPath

# Pixels of an image that can only be read as a whole, or by rows: 300 MB once decoded.
LARGEST_PLAIN = 100_000_000
# All of a glass slide, 25 × 75 mm, at 80x has 200,000 × 600,000; a small sparse TIFF claims more.
MOST_PIXELS = 400_000**2
MAKE_A_PYRAMID = (
    "too large without tiles; write it as a pyramid, for example with "
    "'vips tiffsave IN OUT.tif --tile --pyramid --compression jpeg'"
)


class DeclinedError(Exception):
    """A reader cannot show a file, and says why; another may."""


class RefusedError(DeclinedError):
    """No reader should show a file: it is no picture of a stained slide, or one not to be held."""


class SlideFile(Slide):
    """A slide in a file; the constructor of a reader opens it.

    Args:
        path: The file, or its address.
        mpp: Microns per level-0 pixel, overriding the file's own; None takes the file's.

    Raises:
        DeclinedError: This reader cannot show the file.
        InputError: It has no mpp and none is given, or its pixels are not square.
    """

    def __init__(self, path: AnyPath, mpp: float | None = None) -> None:
        self.path = path
        self._given_mpp = mpp

    def _describe(self, properties: Mapping[str, str], levels: Sequence[Level]) -> None:
        """Take over what the file says about itself, under OpenSlide's names.

        Raises:
            RefusedError: It has more pixels than a scanner makes.
            InputError: The mpp is missing, or not the same across and down.
        """
        width, height = levels[0].width, levels[0].height
        if width * height > MOST_PIXELS:
            raise RefusedError(f"{width:,} × {height:,} pixels are more than a scanner makes")
        self.properties = properties
        self.levels = tuple(levels)
        self.vendor = properties.get("openslide.vendor", "unknown")
        self.objective = properties.get("openslide.objective-power")
        self.mpp, self.mpp_source = microns_per_pixel(self.path, properties, self._given_mpp)

    def __reduce__(self) -> tuple[Any, ...]:
        # An open file cannot travel to another process; opening it again there can.
        return type(self), (self.path, self._given_mpp)


def levels_of(sizes: Sequence[tuple[int, int]]) -> list[Level]:
    """Return the levels of a pyramid, each with the factor by which it was made.

    Args:
        sizes: (width, height) of each in its own pixels, the finest first.
    """
    width, height = sizes[0]
    return [Level(w, h, _downsample(width, height, w, h)) for w, h in sizes]


def _downsample(width: int, height: int, w: int, h: int) -> float:
    """Return a level's factor, which is whole although sizes were rounded: 4443 / 2221 is 2."""
    mean = (width / w + height / h) / 2
    whole = max(1, round(mean))
    made_by_whole = w in (width // whole, -(-width // whole)) and h in (
        height // whole,
        -(-height // whole),
    )
    return float(whole) if made_by_whole else mean
