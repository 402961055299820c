"""The canvas: amounts of haematoxylin and eosin per pixel, painted with shapes in µm.

Only the canvas knows pixels; whoever draws speaks of microns.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely import Polygon

from carcinomap.demo.nuclei import Nucleus, NucleusBank
from carcinomap.demo.shapes import Points
from carcinomap.demo.texture import Fibres, mottle

_SHIFT = 4  # bits behind the point of the coordinates OpenCV draws with


@dataclass(frozen=True)
class Paint:
    """What a surface holds.

    Attributes:
        haematoxylin: Amount of it.
        eosin: Amount of it.
        uneven: How both vary from grain to grain, as a share of the amounts.
        opacity: Share of what lay there before that the paint hides.
    """

    haematoxylin: float
    eosin: float
    uneven: float = 0.2
    opacity: float = 1.0


BLANK = Paint(0.0, 0.0, 0.0)


class Canvas:
    """A slide being painted.

    Attributes:
        haematoxylin: Amount per pixel, float32 (height, width).
        eosin: Amount per pixel, float32 (height, width).
        fibres: The collagen that runs through the slide.
        rng: Source of all that is random in the drawing.
    """

    def __init__(self, rng: np.random.Generator, width: int, height: int, mpp: float) -> None:
        self.rng = rng
        self.mpp = mpp
        self.haematoxylin = np.zeros((height, width), np.float32)
        self.eosin = np.zeros((height, width), np.float32)
        self.fibres = Fibres.draw(rng, height, width, mpp)
        self._bank = NucleusBank.draw(rng, mpp, enlarged=float(rng.uniform(0.95, 1.15)))
        self._mottle = mottle(rng, 0.9 / mpp)

    def fill(self, shape: Polygon, paint: Paint) -> None:
        """Paint the inside of a polygon, except its holes."""
        rings = [shape.exterior, *shape.interiors]
        self._paint([np.asarray(ring.coords) for ring in rings], paint, None)

    def stroke(self, line: Points, width: float, paint: Paint) -> None:
        """Paint a line, float64 (n, 2), of a width in µm."""
        self._paint([line], paint, max(1, round(width / self.mpp)))

    def _paint(self, lines: list[Points], paint: Paint, thickness: int | None) -> None:
        """Blend paint into the planes under an anti-aliased mask of what was drawn."""
        margin = 2 + (thickness or 0)
        # OpenCV's whole numbers are the centres of pixels, ours their corners.
        pixels = [line / self.mpp - 0.5 for line in lines]
        height, width = self.eosin.shape
        left, top = np.floor(pixels[0].min(axis=0)).astype(int) - margin
        right, bottom = np.ceil(pixels[0].max(axis=0)).astype(int) + margin + 1
        left, top, right, bottom = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
        if left >= right or top >= bottom:
            return
        mask = np.zeros((bottom - top, right - left), np.uint8)
        fixed = [np.rint((line - (left, top)) * (1 << _SHIFT)).astype(np.int32) for line in pixels]
        if thickness is None:
            cv2.fillPoly(mask, fixed, 255, cv2.LINE_AA, _SHIFT)
        else:
            cv2.polylines(mask, fixed, False, 255, thickness, cv2.LINE_AA, _SHIFT)
        cover = mask.astype(np.float32)
        cover *= np.float32(paint.opacity / 255)
        uneven = self._grain(left, top, right, bottom) * np.float32(paint.uneven)
        uneven += 1
        window = np.s_[top:bottom, left:right]
        for plane, amount in ((self.haematoxylin, paint.haematoxylin), (self.eosin, paint.eosin)):
            view = plane[window]
            view += cover * (uneven * np.float32(amount) - view)

    def _grain(self, left: int, top: int, right: int, bottom: int) -> NDArray[np.float32]:
        """Return the window of the mottled texture, which repeats over the slide."""
        side = self._mottle.shape[0]
        rows = np.arange(top, bottom) % side
        columns = np.arange(left, right) % side
        return np.asarray(np.take(self._mottle[rows], columns, axis=1), np.float32)

    def roughen(self, uneven: float) -> None:
        """Make the eosin of the whole canvas uneven by a share of it, from grain to grain."""
        height, width = self.eosin.shape
        for top in range(0, height, 256):
            bottom = min(top + 256, height)
            grain = self._grain(0, top, width, bottom)
            self.eosin[top:bottom] *= grain * np.float32(uneven) + 1

    def nuclei(self, kind: Nucleus, centres: Points, directions: Iterable[float]) -> None:
        """Stamp nuclei.

        Args:
            kind: What nuclei they are.
            centres: Where, float64 (n, 2).
            directions: Their long axes in radians, (n,).
        """
        height, width = self.haematoxylin.shape
        pictures = self._bank.choose(self.rng, kind, np.asarray(directions, np.float64))
        corners = np.floor(centres / self.mpp).astype(int).tolist()
        for (x, y), picture in zip(corners, pictures, strict=True):
            side = picture.shape[0]
            left, top = x - side // 2, y - side // 2
            if left < 0 or top < 0 or left + side > width or top + side > height:
                continue  # cut by the slide's edge, where there is glass
            view = self.haematoxylin[top : top + side, left : left + side]
            np.maximum(view, picture, out=view)
