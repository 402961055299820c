"""Where a map is wrong: the places that a reader wants to look at first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from carcinomap.evaluation.detail import Detail

RADII_UM = (50.0, 25.0, 12.5)
"""Radii of the disc that has to fit into a place: what is narrower is a rim, where an outline
runs a little beside the other. A narrower one is tried where nothing is as wide as the last."""


@dataclass(frozen=True)
class Disagreement:
    """A place where the map shows one class and the truth another.

    Attributes:
        truth: Index of the true class.
        mapped: Index of the mapped class.
        area_mm2: Its area, without rims and bridges that are too narrow.
        x: Left edge of its bounding box in level-0 pixels.
        y: Upper edge.
        width: Width of the box.
        height: Height of the box.
    """

    truth: int
    mapped: int
    area_mm2: float
    x: float
    y: float
    width: float
    height: float


def disagreements(detail: Detail, most: int = 12) -> tuple[Disagreement, ...]:
    """Find the largest places where a map is wrong, all in one way and in one piece.

    Args:
        detail: Truth and map.
        most: How many to return.

    Returns:
        The largest first.
    """
    pairs = _wrong_pairs(detail)
    for radius_um in RADII_UM:
        radius = radius_um / detail.mpp
        found = [
            place
            for truth, mapped in pairs
            for place in _places(detail, truth, mapped, radius, most)
        ]
        if found:
            return tuple(sorted(found, key=lambda one: (-one.area_mm2, one.y, one.x))[:most])
    return ()


def _wrong_pairs(detail: Detail) -> list[list[int]]:
    """Return the true and the mapped class of all that is wrong, pair by pair."""
    wrong = detail.counted & (detail.truth != detail.mapped)
    labels, every = [detail.truth, detail.mapped], [0, 256]
    pixels = cv2.calcHist(labels, [0, 1], wrong.view(np.uint8), [256, 256], every * 2)
    pairs: list[list[int]] = np.argwhere(pixels).tolist()
    return pairs


def _places(
    detail: Detail, truth: int, mapped: int, radius: float, most: int
) -> list[Disagreement]:
    """Return the largest places of one true and one mapped class, into which the disc fits."""
    mask = detail.counted & (detail.truth == truth) & (detail.mapped == mapped)
    left, top, columns, rows = cv2.boundingRect(mask.view(np.uint8))
    opened = _opened(mask[top : top + rows, left : left + columns], radius)
    statistics = cv2.connectedComponentsWithStats(opened, connectivity=8)[2][1:]
    largest = np.argsort(-statistics[:, cv2.CC_STAT_AREA], kind="stable")[:most]
    return [
        Disagreement(
            truth,
            mapped,
            area * detail.mpp**2 / 1e6,
            *(edge * detail.to_slide for edge in (left + x, top + y, width, height)),
        )
        for x, y, width, height, area in statistics[largest].tolist()
    ]


def _opened(mask: NDArray[np.bool_], radius: float) -> NDArray[np.uint8]:
    """Return what of a mask a disc covers wherever it fits in, uint8 of the same shape.

    By distances, which take the same time for a disc of any radius. Beyond the mask nothing is
    set, or every crumb at the border of the slide would be wide enough.
    """
    padded = np.pad(mask, 1).view(np.uint8)
    outside = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= radius
    away = cv2.distanceTransform(outside.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away[1:-1, 1:-1] <= radius).view(np.uint8)
