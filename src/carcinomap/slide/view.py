"""What a model sees around a point."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carcinomap.slide.slide import Slide


@dataclass(frozen=True)
class View:
    """A square window with a centre: ``size`` pixels a side at ``mpp`` microns per pixel."""

    mpp: float
    size: int

    def corner(
        self, slide_mpp: float, x: float, y: float, scale: float = 1.0
    ) -> tuple[float, float]:
        """Return the level-0 top-left corner of the view centred at level-0 (x, y).

        Args:
            slide_mpp: Microns per level-0 pixel.
            x: Level-0 column of the centre.
            y: Level-0 row of the centre.
            scale: Magnifies the view: 1.1 shows 1.1 times as many microns in the same pixels.
        """
        half = self.size * self.mpp * scale / slide_mpp / 2
        return x - half, y - half

    def read(self, slide: Slide, x: float, y: float, scale: float = 1.0) -> NDArray[np.uint8]:
        """Read the view of ``slide`` centred at level-0 (x, y): uint8 (size, size, 3)."""
        left, top = self.corner(slide.mpp, x, y, scale)
        return slide.read(left, top, self.size, self.size, self.mpp * scale)
