"""A whole slide, coarse: what boundaries and regions are looked for in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carcinomap.evaluation.prediction import Prediction
from carcinomap.evaluation.truth import Truth
from carcinomap.evaluation.windows import windows
from carcinomap.segmentation import NOT_MAPPED

SIDE = 512
"""Side in pixels of what is drawn at once."""


@dataclass(frozen=True, eq=False)
class Detail:
    """Truth and map of a slide on one grid, a byte a pixel; pixel (0, 0) begins at its corner.

    Attributes:
        truth: uint8 (height, width); class indices wherever ``counted``.
        mapped: uint8 (height, width); class indices, what is not mapped is class 0.
        counted: bool (height, width); the pixels that count (``TruthWindow.counted``).
        mpp: Microns per pixel.
        to_slide: Level-0 pixels per pixel.
    """

    truth: NDArray[np.uint8]
    mapped: NDArray[np.uint8]
    counted: NDArray[np.bool_]
    mpp: float
    to_slide: float

    @classmethod
    def of(cls, truth: Truth, prediction: Prediction, mpp: float) -> Detail:
        """Look at a slide and its map, at whole pixels of the map.

        Args:
            truth: Of the slide.
            prediction: Its map.
            mpp: Microns per pixel to look at, about; the map's own where that is coarser.
        """
        step = max(1, round(mpp / prediction.mpp))
        mpp, to_slide = step * prediction.mpp, step * prediction.mpp / truth.slide.mpp
        width, height = (max(1, n // step) for n in (prediction.width, prediction.height))
        detail = cls(
            np.zeros((height, width), np.uint8),
            np.zeros((height, width), np.uint8),
            np.zeros((height, width), np.bool_),
            mpp,
            to_slide,
        )
        # The truth at the centres of just those map pixels that are looked at: else a map that is
        # perfect would differ from it by part of a pixel.
        shift = ((step // 2 + 0.5) / step - 0.5) * to_slide
        for x, y, columns, rows in windows(width, height, SIDE):
            place = np.s_[y : y + rows, x : x + columns]
            corner = x * to_slide + shift, y * to_slide + shift
            true = truth.window(*corner, columns, rows, mpp)
            box = (x * step, y * step, columns * step, rows * step)
            middle = np.s_[step // 2 :: step, step // 2 :: step]
            mapped = prediction.window(*box)[middle]
            counted = true.counted(mapped)
            excluded = prediction.excluded(*box)
            if excluded is not None:
                counted &= ~excluded[middle]
            detail.counted[place] = counted
            detail.truth[place] = true.labels
            detail.mapped[place] = np.where(mapped == NOT_MAPPED, np.uint8(0), mapped)
        return detail
