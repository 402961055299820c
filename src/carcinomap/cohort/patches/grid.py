"""Where the tiles of a slide lie."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from carcinomap.cohort.patches.settings import TileSettings
from carcinomap.errors import InputError
from carcinomap.slide import Slide

MOST_TILES = 1_000_000
"""Of one slide. More come from an mpp that cannot be."""

FINEST = 1000.0
"""Level-0 pixels per pixel of a tile, along a side. More come from an mpp that cannot be."""


@dataclass(frozen=True)
class Place:
    """What of a slide a tile shows, in pixels of the tiles' resolution.

    Attributes:
        left: Of the tile.
        top: Of the tile.
        width: Columns that lie on the slide, at most the tile's.
        height: Rows that lie on the slide, at most the tile's.
    """

    left: int
    top: int
    width: int
    height: int


class Grid:
    """The tiles of one slide, row by row, from its level-0 origin.

    Pixels lie on the slide if their centres do, as everywhere where labels are drawn.

    Args:
        slide: The slide.
        settings: Size, resolution and overlap of the tiles.

    Raises:
        InputError: There would be far too many, or of far too many level-0 pixels each.
    """

    def __init__(self, slide: Slide, settings: TileSettings) -> None:
        self.scale = settings.mpp / slide.mpp
        self._size, self._step = settings.size, settings.size - settings.overlap
        if self.scale > FINEST:
            raise InputError(self._wrong_mpp(slide, "far finer than the tiles"))
        # The tolerance keeps float noise from adding a column.
        self._width, self._height = (
            max(1, math.ceil(side / self.scale - 0.5 - 1e-6))
            for side in (slide.width, slide.height)
        )
        if len(self) > MOST_TILES:
            raise InputError(self._wrong_mpp(slide, f"{len(self):,} tiles"))

    def __len__(self) -> int:
        return self._count(self._width) * self._count(self._height)

    def __iter__(self) -> Iterator[Place]:
        for row in range(self._count(self._height)):
            for column in range(self._count(self._width)):
                left, top = column * self._step, row * self._step
                width, height = self._width - left, self._height - top
                yield Place(left, top, min(width, self._size), min(height, self._size))

    def _count(self, length: int) -> int:
        """Return how many tiles it takes until the last one reaches the end."""
        return 1 + max(0, -(-(length - self._size) // self._step))

    @staticmethod
    def _wrong_mpp(slide: Slide, what: str) -> str:
        return f"{slide.path}: {what}; is its mpp of {slide.mpp:g} right?"
