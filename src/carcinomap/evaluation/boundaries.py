"""How far the boundaries of the map lie from those of the truth.

Where a region ends is what readers argue about, and what an area score hardly shows. The points of
both boundaries are counted by their distance to the other one, in bins of a micron; every score
follows from those counts, so the boundaries of a cohort pool by adding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from carcinomap.evaluation.confusion import MOST, whole_numbers
from carcinomap.evaluation.windows import windows

if TYPE_CHECKING:
    from carcinomap.evaluation.detail import Detail

BIN_UM = 1.0
"""Width of a bin in µm."""
BINS = 2001
"""Bin 0 holds distance 0, bin k the distances in (k − 1, k] µm, the last all that is farther."""
SIDE = 2048
"""Side in pixels of what is looked at once; bounds the memory where a map is all boundary."""

_NO_POINT = 255
_SIDES = ("truth", "mapped")


@dataclass(frozen=True, eq=False)
class Boundaries:
    """Points of the boundaries of every class, by their distance to the other boundary.

    A point is a counted pixel that has one of another class, counted too, among its four
    neighbours: the rim of the slide, or of what does not count, is no boundary. Distances are
    between centres of pixels. A point of a class that has no boundary on the other side is in the
    last bin. A score of 0 / 0 is None.

    Attributes:
        points: int64 (2, classes, BINS); [0] the truth's points by their distance to the map's
            boundary of the same class, [1] the map's by theirs to the truth's.
    """

    points: NDArray[np.int64]

    @classmethod
    def empty(cls, classes: int) -> Boundaries:
        """Return the boundaries of no slide at all."""
        return cls(np.zeros((2, classes, BINS), np.int64))

    @classmethod
    def of(cls, detail: Detail, classes: int) -> Boundaries:
        """Measure the boundaries of a slide, window by window.

        Args:
            detail: Truth and map of the slide.
            classes: Number of classes.
        """
        boundaries = cls.empty(classes)
        truth, mapped = (_outlined(a, detail.counted) for a in (detail.truth, detail.mapped))
        halo = math.ceil(BINS * BIN_UM / detail.mpp)
        height, width = truth.shape
        for x, y, columns, rows in windows(width, height, SIDE):
            place = np.s_[y : y + rows, x : x + columns]
            left, top = max(0, x - halo), max(0, y - halo)
            around = np.s_[top : y + rows + halo, left : x + columns + halo]
            offset = (y - top, x - left)
            for side, (own, other) in enumerate(((truth, mapped), (mapped, truth))):
                here = np.bincount(own[place].ravel(), minlength=classes)[:classes]
                for index in np.flatnonzero(here):
                    points = np.argwhere(own[place] == index) + offset
                    others = np.argwhere(other[around] == index)
                    boundaries.points[side, index] += _by_distance(points, others, detail.mpp)
        return boundaries

    def __add__(self, other: Boundaries) -> Boundaries:
        return Boundaries(self.points + other.points)

    def __mul__(self, times: int) -> Boundaries:
        return Boundaries(self.points * times)

    def surface_dice(self, tolerance_um: float) -> tuple[float | None, ...]:
        """Return the normalised surface Dice per class: share of points that are near enough.

        ``(|B_T within τ of B_M| + |B_M within τ of B_T|) / (|B_T| + |B_M|)`` with the boundary of
        the truth B_T and of the map B_M; every point weighs the same.

        Source: Nikolov et al., Journal of Medical Internet Research 23 (2021), e26151.

        Args:
            tolerance_um: Greatest distance τ that is near enough, in µm; rounded down to a bin.
        """
        last = min(int(tolerance_um / BIN_UM), BINS - 2)
        near = self.points[:, :, : last + 1].sum(axis=(0, 2))
        every = self.points.sum(axis=(0, 2))
        return tuple(
            int(some) / int(all_) if all_ else None for some, all_ in zip(near, every, strict=True)
        )

    @property
    def hausdorff_95(self) -> tuple[float | None, ...]:
        """95 % Hausdorff distance per class in µm, rounded up to a bin.

        Within this distance lie 95 % of the truth's points of the map's boundary, and 95 % of the
        map's of the truth's. Infinite where it is beyond the last bin; None where neither has a
        boundary.

        Source: Huttenlocher, Klanderman and Rucklidge, IEEE Transactions on Pattern Analysis and
        Machine Intelligence 15 (1993), 850–863 (the ranked distance, of both directions).
        """
        return tuple(
            max((_percentile_95(counts) for counts in both if counts.any()), default=None)
            for both in np.swapaxes(self.points, 0, 1)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as JSON holds them: per side and class the bins that are not empty."""
        sides: dict[str, Any] = {"bin_um": BIN_UM}
        for name, classes in zip(_SIDES, self.points, strict=True):
            filled = [(counts, np.flatnonzero(counts)) for counts in classes]
            sides[name] = [
                {"bins": bins.tolist(), "points": counts[bins].tolist()} for counts, bins in filled
            ]
        return sides

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], classes: int) -> Boundaries:
        """Read what ``to_dict`` returned.

        Raises:
            ValueError: It is nothing of that kind, or of another number of classes.
        """
        try:
            if data["bin_um"] != BIN_UM:
                raise ValueError(f"boundaries in other bins than of {BIN_UM:g} µm")
            points = [[_read_bins(counts) for counts in data[name]] for name in _SIDES]
        except (KeyError, TypeError) as error:
            raise ValueError(f"no boundaries ({error})") from error
        if any(len(side) != classes for side in points):
            raise ValueError(f"boundaries of another number of classes than {classes}")
        boundaries = cls(np.array(points, np.int64).reshape(2, classes, BINS))
        if boundaries.points.sum(dtype=np.float64) > MOST:
            raise ValueError("absurdly many boundary points")
        return boundaries


def _outlined(labels: NDArray[np.uint8], counted: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the class of every boundary point, ``_NO_POINT`` elsewhere."""
    edge = np.zeros(labels.shape, np.bool_)
    for one, next_ in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        apart = labels[one] != labels[next_]
        apart &= counted[one]
        apart &= counted[next_]
        edge[one] |= apart
        edge[next_] |= apart
    return np.where(edge, labels, np.uint8(_NO_POINT))


def _by_distance(
    points: NDArray[np.intp], others: NDArray[np.intp], mpp: float
) -> NDArray[np.int64]:
    """Count points (n, 2), given in pixels, by their distance to the nearest of the others."""
    if not len(others):
        counts = np.zeros(BINS, np.int64)
        counts[-1] = len(points)
        return counts
    distances, _ = cKDTree(others).query(points, distance_upper_bound=BINS * BIN_UM / mpp)
    # A whole number of microns is in the bin that ends there, even where 25 · 4.4 is above 110.
    bins = np.ceil(distances * (mpp / BIN_UM) - 1e-9)
    return np.bincount(np.minimum(bins, BINS - 1).astype(np.intp), minlength=BINS)


def _percentile_95(counts: NDArray[np.int64]) -> float:
    reached = np.cumsum(counts)
    # In whole numbers: 0.95 · 20 points would be 19 or a little more.
    place = int(np.argmax(20 * reached >= 19 * reached[-1]))
    return math.inf if place == BINS - 1 else place * BIN_UM


def _read_bins(data: Mapping[str, Any]) -> NDArray[np.int64]:
    bins = whole_numbers(data["bins"], (len(data["bins"]),))
    counts = np.zeros(BINS, np.int64)
    if len(bins) and (bins[-1] >= BINS or np.any(np.diff(bins) <= 0)):
        raise ValueError("bins of boundaries out of order")
    counts[bins] = whole_numbers(data["points"], bins.shape)
    return counts
