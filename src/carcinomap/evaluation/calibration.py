"""Whether a probability can be believed: of all pixels at 80 %, are 80 % right?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from carcinomap.evaluation.confusion import whole_numbers

BINS = 15
"""Bin k of the highest probability p holds k / BINS < p ≤ (k + 1) / BINS."""


class Reliability(NamedTuple):
    """The pixels of one bin.

    Attributes:
        confidence: Mean of their highest probability.
        right: Share of them whose most probable class is the true one.
        pixels: How many they are.
    """

    confidence: float
    right: float
    pixels: int


@dataclass(frozen=True, eq=False)
class Calibration:
    """Pixels by the probability of their most probable class.

    Attributes:
        pixels: int64 (BINS,); how many pixels.
        right: int64 (BINS,); how many of them are truly of their most probable class.
        confidence: float64 (BINS,); sum of their highest probability.
    """

    pixels: NDArray[np.int64]
    right: NDArray[np.int64]
    confidence: NDArray[np.float64]

    @classmethod
    def empty(cls, classes: int) -> Calibration:
        """Return the calibration of no pixel at all; it is the same for any number of classes."""
        return cls(np.zeros(BINS, np.int64), np.zeros(BINS, np.int64), np.zeros(BINS))

    @classmethod
    def of(
        cls,
        truth: NDArray[np.uint8],
        probabilities: NDArray[np.uint8],
        counted: NDArray[np.bool_],
    ) -> Calibration:
        """Count the pixels of one window.

        Args:
            truth: (height, width); class indices wherever counted.
            probabilities: (classes, height, width); round(255 · probability). A pixel where all
                are 0 is not mapped, and does not count.
            counted: (height, width); which pixels count.
        """
        seen = counted & probabilities.any(axis=0)
        values = probabilities[:, seen]
        # Rounded values need not add up to 255, so their own sum is the whole.
        whole = values.sum(axis=0, dtype=np.int64)
        highest = values.max(axis=0, initial=0).astype(np.int64)
        right = values.argmax(axis=0) == truth[seen]
        # In whole numbers: a probability of exactly 1 / 5 is on the upper edge of the third bin.
        bins = (BINS * highest - 1) // whole
        return cls(
            np.bincount(bins, minlength=BINS),
            np.bincount(bins[right], minlength=BINS),
            np.bincount(bins, highest / whole, minlength=BINS).astype(np.float64),
        )

    def __add__(self, other: Calibration) -> Calibration:
        return Calibration(
            self.pixels + other.pixels,
            self.right + other.right,
            self.confidence + other.confidence,
        )

    def __mul__(self, times: int) -> Calibration:
        return Calibration(self.pixels * times, self.right * times, self.confidence * times)

    @property
    def error(self) -> float | None:
        """Expected calibration error: |share right − mean confidence|, the mean over the pixels.

        Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, 1321–1330.
        """
        pixels = int(self.pixels.sum())
        return float(np.abs(self.right - self.confidence).sum()) / pixels if pixels else None

    @property
    def reliability(self) -> list[Reliability]:
        """The bins that hold pixels, from the lowest probability to the highest.

        Source: DeGroot and Fienberg, The Statistician 32 (1983), 12–22 (the reliability diagram).
        """
        return [
            Reliability(float(confidence / pixels), float(right / pixels), int(pixels))
            for pixels, right, confidence in zip(
                self.pixels, self.right, self.confidence, strict=True
            )
            if pixels
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as JSON holds them."""
        return {
            "pixels": self.pixels.tolist(),
            "right": self.right.tolist(),
            "confidence": self.confidence.tolist(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], classes: int) -> Calibration:
        """Read what ``to_dict`` returned; it is the same for any number of classes.

        Raises:
            ValueError: It is nothing of that kind.
        """
        try:
            pixels, right = (whole_numbers(data[key], (BINS,)) for key in ("pixels", "right"))
            confidence = np.array(data["confidence"], np.float64)
        except (KeyError, TypeError, OverflowError) as error:
            raise ValueError(f"no calibration ({error})") from error
        if confidence.shape != (BINS,) or not np.all((confidence >= 0) & (confidence <= pixels)):
            raise ValueError("sums of probabilities that no pixels have")
        if np.any(right > pixels):
            raise ValueError("more pixels right than there are")
        return cls(pixels, right, confidence)
