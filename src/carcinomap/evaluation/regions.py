"""Regions that are there and found: lesions are counted, not their pixels."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from carcinomap.evaluation.confusion import whole_numbers
from carcinomap.evaluation.windows import windows

if TYPE_CHECKING:
    from carcinomap.evaluation.detail import Detail

SIDE = 2048
"""Side in pixels of what is tallied at once."""


@dataclass(frozen=True, eq=False)
class Regions:
    """How many regions of each class are in the truth and in the map, and how many agree.

    A region is found, or right, by the share of its own area that agrees, whatever number of
    regions that area belongs to on the other side: where one tumour begins and the next ends is
    nothing that two readers agree on. A score that is 0 / 0 is None.

    Source: Wolf and Jolion, Object count/area graphs for the evaluation of object detection and
    segmentation algorithms, IJDAR 8 (2006), 280–296: its area recall and area precision, with the
    union of what overlaps in place of its rules for splits and merges.

    Attributes:
        truth: int64 (classes,); regions in the truth.
        found: int64 (classes,); those of them that are mapped as their class.
        mapped: int64 (classes,); regions in the map.
        right: int64 (classes,); those of them that are truly of their class.
    """

    truth: NDArray[np.int64]
    found: NDArray[np.int64]
    mapped: NDArray[np.int64]
    right: NDArray[np.int64]

    @classmethod
    def empty(cls, classes: int) -> Regions:
        """Return the counts of no region at all."""
        return cls(*(np.zeros(classes, np.int64) for _ in fields(cls)))

    @classmethod
    def of(cls, detail: Detail, classes: int, min_region_um2: float, overlap: float) -> Regions:
        """Count the regions of a slide: counted pixels of one class that touch, at a corner too.

        Args:
            detail: Truth and map.
            classes: Number of classes.
            min_region_um2: Smaller ones are no regions, in µm².
            overlap: Least share of a region's pixels that has to agree.
        """
        least = min_region_um2 / detail.mpp**2
        counts = np.zeros((len(fields(cls)), classes), np.int64)
        for row, own, other in ((0, detail.truth, detail.mapped), (2, detail.mapped, detail.truth)):
            for index in range(classes):
                shares = _agreeing_shares(own, other, detail.counted, index, least)
                counts[row : row + 2, index] = shares.size, (shares >= overlap).sum()
        return cls(*counts)

    def __add__(self, other: Regions) -> Regions:
        return Regions(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __mul__(self, times: int) -> Regions:
        return Regions(*(getattr(self, f.name) * times for f in fields(self)))

    def to_dict(self) -> dict[str, list[int]]:
        """Return the counts as JSON holds them."""
        return {f.name: getattr(self, f.name).tolist() for f in fields(self)}

    @classmethod
    def from_dict(cls, data: Any, classes: int) -> Regions:
        """Read what ``to_dict`` returned.

        Raises:
            ValueError: It is nothing of that kind, of another number of classes, or says that
                more regions agree than there are.
        """
        try:
            regions = cls(*(whole_numbers(data[f.name], (classes,)) for f in fields(cls)))
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"no counts of regions ({error})") from error
        if (regions.found > regions.truth).any() or (regions.right > regions.mapped).any():
            raise ValueError("more regions that agree than there are")
        return regions

    @property
    def precision(self) -> tuple[float | None, ...]:
        """Share of a class's mapped regions that are right."""
        return _quotients(self.right, self.mapped)

    @property
    def recall(self) -> tuple[float | None, ...]:
        """Share of a class's true regions that are found."""
        return _quotients(self.found, self.truth)

    @property
    def f1(self) -> tuple[float | None, ...]:
        """Harmonic mean of precision and recall; 0 where either is, None where one is undefined.

        Source: van Rijsbergen, Information Retrieval (2nd ed. 1979), chapter 7.
        """
        return tuple(map(_harmonic_mean, self.precision, self.recall))


def _agreeing_shares(
    own: NDArray[np.uint8],
    other: NDArray[np.uint8],
    counted: NDArray[np.bool_],
    index: int,
    least: float,
) -> NDArray[np.float64]:
    """Return which share of each region is of its class on the other side, float64 (regions,).

    Args:
        own: uint8 (height, width); the labels that have the regions.
        other: uint8 of the same shape; what they are compared with.
        counted: bool of the same shape.
        index: Class of the regions.
        least: Pixels that a region has at least.
    """
    mask = counted & (own == index)
    count, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
    areas, agreeing = np.zeros(count, np.int64), np.zeros(count, np.int64)
    height, width = mask.shape
    # In windows: what is picked of the labels at once takes the memory of all of them again.
    for x, y, columns, rows in windows(width, height, SIDE):
        place = np.s_[y : y + rows, x : x + columns]
        inside = mask[place]
        numbers = labels[place][inside]
        np.add.at(areas, numbers, 1)
        np.add.at(agreeing, numbers[other[place][inside] == index], 1)
    large = areas >= max(least, 1)
    return np.asarray(agreeing[large] / areas[large])


def _quotients(above: NDArray[np.int64], below: NDArray[np.int64]) -> tuple[float | None, ...]:
    pairs = zip(above.tolist(), below.tolist(), strict=True)
    return tuple(part / whole if whole else None for part, whole in pairs)


def _harmonic_mean(one: float | None, other: float | None) -> float | None:
    if 0 in (one, other):
        return 0.0
    return None if one is None or other is None else 2 * one * other / (one + other)
