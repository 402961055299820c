"""Overlapping tiles become one map: weighted sums, divided by the summed weights.

A tile knows its middle better than its rim, so its probabilities count with a Gaussian weight.
The sums exist in cells, from the first tile that touches a cell to the last one; what is in
memory depends on the stripe of the plan, not on the area of the slide.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carcinomap.segmentation.mapping.plan import CELL, Cell, Tile, TilePlan

NARROWNESS = 8  # tile side / σ; wider or cropped rims disagree more with the one-piece map


def tile_weights(size: int) -> NDArray[np.float32]:
    """Return a tile's weights, float32 (size, size): a Gaussian, positive up to the corners."""
    distance = np.arange(size) - (size - 1) / 2
    line = np.exp(-0.5 * (distance * NARROWNESS / size) ** 2)
    return np.outer(line, line).astype(np.float32)


@dataclass(frozen=True)
class BlendedCell:
    """A cell for which no more tiles will come.

    Attributes:
        cell: Row and column.
        probabilities: float32 (classes, CELL, CELL); 0 where no tile was.
        covered: bool (CELL, CELL), where a tile was.
    """

    cell: Cell
    probabilities: NDArray[np.float32]
    covered: NDArray[np.bool_]


class Blender:
    """Sums up the tiles of a plan and gives out every cell once it is complete.

    Args:
        plan: All tiles that will be added, in their order.
        classes: Number of classes.
    """

    def __init__(self, plan: TilePlan, classes: int) -> None:
        self._plan = plan
        self._classes = classes
        self._weights = tile_weights(plan.size)
        self._to_come = Counter(cell for tile in plan.tiles for cell in plan.cells(tile))
        # Per cell the classes' weighted sums and, as the last plane, the sum of weights.
        self._sums: dict[Cell, NDArray[np.float32]] = {}

    @property
    def live(self) -> int:
        """Number of cells in memory."""
        return len(self._sums)

    def add(self, tile: Tile, probabilities: NDArray[np.float32]) -> list[BlendedCell]:
        """Add a tile.

        Args:
            tile: The next of the plan.
            probabilities: float32 (classes, size, size).

        Returns:
            The cells that are complete with it.
        """
        complete = []
        for cell in self._plan.cells(tile):
            self._accumulate(cell, tile, probabilities)
            self._to_come[cell] -= 1
            if not self._to_come[cell]:
                complete.append(self._finish(cell))
        return complete

    def _accumulate(self, cell: Cell, tile: Tile, probabilities: NDArray[np.float32]) -> None:
        sums = self._sums.get(cell)
        if sums is None:
            sums = np.zeros((self._classes + 1, CELL, CELL), np.float32)
            self._sums[cell] = sums
        in_cell, in_tile = zip(
            _shared(cell[0] * CELL, tile.y, self._plan.size),
            _shared(cell[1] * CELL, tile.x, self._plan.size),
            strict=True,
        )
        weights = self._weights[in_tile]
        sums[:-1, *in_cell] += probabilities[:, *in_tile] * weights
        sums[-1, *in_cell] += weights

    def _finish(self, cell: Cell) -> BlendedCell:
        sums = self._sums.pop(cell)
        # Every weight is far above the smallest float: this changes only the zeros.
        weights = np.maximum(sums[-1], np.finfo(np.float32).tiny)
        return BlendedCell(cell, sums[:-1] / weights, sums[-1] > 0)


def class_index(probabilities: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the most probable class, uint8 (h, w); the first one where several are.

    As a running maximum, about 20 times as fast as ``argmax`` over the first axis.

    Args:
        probabilities: float32 (classes, h, w), at most 255 classes.
    """
    index = np.zeros(probabilities.shape[1:], np.uint8)
    best = probabilities[0].copy()
    for number, candidate in enumerate(probabilities[1:], start=1):
        # Later winners have the larger number, so that a maximum of numbers keeps the last one.
        np.maximum(index, (candidate > best).view(np.uint8) * np.uint8(number), out=index)
        np.maximum(best, candidate, out=best)
    return index


def _shared(cell: int, tile: int, size: int) -> tuple[slice, slice]:
    """Return what a cell and a tile share along one axis, as slices of the cell and the tile."""
    begin, end = max(cell, tile), min(cell + CELL, tile + size)
    return slice(begin - cell, end - cell), slice(begin - tile, end - tile)
