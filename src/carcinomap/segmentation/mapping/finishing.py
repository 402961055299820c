"""From blended cells to what is kept of them: classes, planes of probabilities, outlines."""

import threading
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from carcinomap.segmentation.job import Job
from carcinomap.segmentation.mapping.blending import BlendedCell, class_index
from carcinomap.segmentation.mapping.interest import Interest
from carcinomap.segmentation.mapping.plan import CELL, Cell, TilePlan
from carcinomap.segmentation.outlines.tracing import BLOCK, trace_block
from carcinomap.segmentation.unfinished.spool import NOT_MAPPED, OUTLINES, Spool

if TYPE_CHECKING:
    from carcinomap.segmentation.results.planes import Planes

CELLS = BLOCK // CELL
"""Cells along a side of the blocks that are outlined at once."""


class Finisher:
    """Finishes complete cells, from any thread, and outlines blocks once all their cells are.

    Args:
        job: The slide.
        plan: Of its map.
        mask: All else is not mapped.
        spool: Receives the cells' classes and the blocks' outlines.
        probabilities: Receives the classes' probabilities, where they are wanted.
        uncertainty: Receives the entropy and, where the opinions' mean entropy comes with the
            probabilities, how much they disagree; both as a share of the largest entropy.
    """

    def __init__(
        self,
        job: Job,
        plan: TilePlan,
        mask: Interest,
        spool: Spool,
        probabilities: "Planes | None" = None,
        uncertainty: "Planes | None" = None,
    ) -> None:
        self._job = job
        self._classes = len(job.classes)
        self._plan = plan
        self._mask = mask
        self._spool = spool
        self._probabilities = probabilities
        self._uncertainty = uncertainty
        self._lock = threading.Lock()
        self._to_come: Counter[Cell] = Counter()

    def expect(self, cells: Iterable[Cell]) -> None:
        """Tell which cells will come."""
        self._to_come = Counter(_block_of(cell) for cell in cells)

    def __call__(self, blended: BlendedCell) -> None:
        """Finish a cell."""
        mapped = self._mapped(blended)
        if mapped.any():
            self._write_planes(blended, mapped)
        labels = np.where(mapped, class_index(blended.sums[: self._classes]), np.uint8(NOT_MAPPED))
        # Last: a cell that is in the spool is done.
        self._spool.write(0, *blended.cell, labels)
        with self._lock:
            block = _block_of(blended.cell)
            self._to_come[block] -= 1
            complete = not self._to_come[block]
        if complete:
            self._outline(block)

    def outline_the_rest(self) -> None:
        """Outline the blocks whose last cell was finished before this run began."""
        for block in sorted({_block_of(cell) for cell in self._spool.cells(0)}):
            self._outline(block)

    def _outline(self, block: Cell) -> None:
        key = (OUTLINES, *block)
        if not self._job.settings.outlines or key in self._spool:
            return
        labels = block_labels(self._spool, block, self._plan.width, self._plan.height)
        x, y = block[1] * BLOCK, block[0] * BLOCK
        tolerance = self._job.settings.simplify_um / self._job.mpp
        self._spool.put(key, trace_block(labels, x, y, *self._job.size, tolerance))

    def _mapped(self, blended: BlendedCell) -> NDArray[np.bool_]:
        """Return where a cell is to be mapped, bool (CELL, CELL)."""
        row, column = blended.cell
        side = CELL * self._job.ratio
        mapped = self._mask.window(column * side, row * side, CELL, CELL, self._job.mpp)
        mapped &= blended.covered
        mapped[self._plan.height - row * CELL :] = False
        mapped[:, self._plan.width - column * CELL :] = False
        return mapped

    def _write_planes(self, blended: BlendedCell, mapped: NDArray[np.bool_]) -> None:
        if self._probabilities is not None:
            probabilities = blended.values[: self._classes]
            self._probabilities.write(*blended.cell, probabilities, mapped)
        if self._uncertainty is not None:
            self._uncertainty.write(
                *blended.cell, uncertainty(blended.values, self._classes), mapped
            )


def uncertainty(values: NDArray[np.float32], classes: int) -> NDArray[np.float32]:
    """Return the entropy and, where the opinions' mean entropy is the last plane, the rest of it.

    Args:
        values: float32 (classes or classes + 1, h, w).
        classes: Number of classes.

    Returns:
        float32 (1 or 2, h, w) in 0 … 1: shares of ln(classes).
    """
    from carcinomap.model.ensemble import entropy  # noqa: PLC0415

    total = entropy(values[:classes], axis=0)
    planes = [total] if len(values) == classes else [total, total - values[classes:]]
    return np.clip(np.concatenate(planes) / np.float32(np.log(max(2, classes))), 0, 1)


def block_labels(spool: Spool, block: Cell, width: int, height: int) -> NDArray[np.uint8]:
    """Return the classes of a block, cut at the border of the map: uint8 (rows, columns)."""
    top, left = block[0] * BLOCK, block[1] * BLOCK
    labels = np.empty((min(BLOCK, height - top), min(BLOCK, width - left)), np.uint8)
    for y in range(0, labels.shape[0], CELL):
        for x in range(0, labels.shape[1], CELL):
            part = labels[y : y + CELL, x : x + CELL]
            cell = spool.read(0, (top + y) // CELL, (left + x) // CELL)
            part[...] = cell[: part.shape[0], : part.shape[1]]
    return labels


def _block_of(cell: Cell) -> Cell:
    return cell[0] // CELLS, cell[1] // CELLS
