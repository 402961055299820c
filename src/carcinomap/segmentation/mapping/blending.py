"""Overlapping tiles become one map: weighted sums, divided by the summed weights.

A tile knows its middle better than its rim, so its probabilities count with a Gaussian weight.
The sums exist in cells, from the first tile that touches a cell to the last one. Cells that wait
for a tile far ahead, as along the seam to the next stripe, wait on disk, so that what is in memory
does not depend on the slide.
"""

import errno
from collections import OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from io import FileIO
from pathlib import Path
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from carcinomap.segmentation.mapping.plan import CELL, Cell, Tile, TilePlan

NARROWNESS = 8  # tile side / σ; wider or cropped rims disagree more with the one-piece map

IN_MEMORY = 128_000_000
"""Bytes of sums beyond which the cells that have waited longest go to disk."""


class TileWeights:
    """How much the pixels of tiles count: a Gaussian along either side, positive up to the corners.

    Of a side that is shorter than the longest ones, a pixel counts as much as any other that is as
    far from the rim, for that is what its value's error depends on.

    Args:
        size: Longest side of a tile.
    """

    def __init__(self, size: int) -> None:
        distance = np.arange(size) - (size - 1) / 2
        self._line = np.exp(-0.5 * (distance * NARROWNESS / size) ** 2)

    def part(self, tile: Tile, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Return the weights of a part of a tile, float32 (rows, columns)."""
        vertical, horizontal = self._along(tile.height)[rows], self._along(tile.width)[columns]
        return np.outer(vertical, horizontal).astype(np.float32)

    def _along(self, side: int) -> NDArray[np.float64]:
        half = self._line[: -(-side // 2)]
        return np.concatenate([half, half[: side // 2][::-1]])


@dataclass(frozen=True)
class BlendedCell:
    """A cell for which no more tiles will come.

    Attributes:
        cell: Row and column.
        sums: float32 (planes, CELL, CELL), the weighted sums; 0 where no tile was.
        weights: float32 (CELL, CELL), the summed weights.
    """

    cell: Cell
    sums: NDArray[np.float32]
    weights: NDArray[np.float32]

    @property
    def covered(self) -> NDArray[np.bool_]:
        """Where a tile was: bool (CELL, CELL)."""
        return np.asarray(self.weights > 0)

    @cached_property
    def values(self) -> NDArray[np.float32]:
        """The blended planes, float32 (planes, CELL, CELL); 0 where no tile was."""
        # Every weight is far above the smallest float: this changes only the zeros.
        return np.asarray(self.sums / np.maximum(self.weights, np.finfo(np.float32).tiny))


class Blender:
    """Sums up the tiles of a plan and gives out every cell once it is complete.

    A context manager, for one thread.

    Args:
        plan: The tiles.
        planes: Values for each pixel: a probability for each class, and what else is averaged.
        scratch: File for the cells that wait long; made anew, gone in the end.
        done: Cells that are finished already; they are passed over.

    Attributes:
        tiles: Those that touch a cell which is not done, in the plan's order: what to add.
    """

    def __init__(
        self, plan: TilePlan, planes: int, scratch: Path, done: Collection[Cell] = ()
    ) -> None:
        self._plan = plan
        self._weights = TileWeights(plan.size)
        # How many tiles each cell waits for.
        self._to_come = np.zeros((-(-plan.height // CELL), -(-plan.width // CELL)), np.int32)
        for tile in plan.tiles:
            for cell in plan.cells(tile):
                self._to_come[cell] += cell not in done
        self.tiles = [
            tile
            for tile in plan.tiles
            if not done or any(self._to_come[cell] for cell in plan.cells(tile))
        ]
        self._sums = _Sums((planes + 1, CELL, CELL), scratch)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._sums.close()

    @property
    def live(self) -> int:
        """Number of cells in memory."""
        return len(self._sums)

    @property
    def to_come(self) -> Iterator[Cell]:
        """The cells that are still to be given out, in reading order."""
        rows, columns = np.nonzero(self._to_come)
        return zip(rows.tolist(), columns.tolist(), strict=True)

    def add(self, tile: Tile, values: NDArray[np.float32]) -> list[BlendedCell]:
        """Add a tile.

        Args:
            tile: The next of ``tiles``.
            values: float32 (planes, height, width); cells may keep parts of it.

        Returns:
            The cells that are complete with it.
        """
        complete = []
        for cell in self._plan.cells(tile):
            if not self._to_come[cell]:
                continue
            in_cell, in_tile = zip(
                _shared(cell[0] * CELL, tile.y, tile.height),
                _shared(cell[1] * CELL, tile.x, tile.width),
                strict=True,
            )
            self._to_come[cell] -= 1
            last = not self._to_come[cell]
            part, weights = values[:, *in_tile], self._weights.part(tile, *in_tile)
            if last and cell not in self._sums and weights.shape == (CELL, CELL):
                # No other tile: what would be multiplied would be divided again.
                complete.append(BlendedCell(cell, part, np.ones_like(weights)))
                continue
            sums = self._sums.pop(cell)
            for plane, of_tile in zip(sums[:-1], part, strict=True):
                cv2.accumulateProduct(of_tile, weights, plane[in_cell])
            sums[-1, *in_cell] += weights
            if last:
                complete.append(BlendedCell(cell, sums[:-1], sums[-1]))
            else:
                self._sums.keep(cell, sums)
        return complete


class _Sums:
    """Arrays by cell, the most recently kept ones in memory and the others in a file."""

    def __init__(self, shape: tuple[int, int, int], scratch: Path) -> None:
        self._shape = shape
        self._bytes = int(np.prod(shape)) * 4
        self._memory: OrderedDict[Cell, NDArray[np.float32]] = OrderedDict()
        self._path = scratch
        self._file: FileIO | None = None
        self._places: dict[Cell, int] = {}
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._memory)

    def __contains__(self, cell: Cell) -> bool:
        return cell in self._memory or cell in self._places

    def pop(self, cell: Cell) -> NDArray[np.float32]:
        """Take a cell's array out; zeros where there is none."""
        if cell in self._memory:
            return self._memory.pop(cell)
        if cell not in self._places:
            return np.zeros(self._shape, np.float32)
        place = self._places.pop(cell)
        self._free.append(place)
        self._scratch().seek(place * self._bytes)
        sums = np.empty(self._shape, np.float32)
        self._read(sums.data.cast("B"))
        return sums

    def keep(self, cell: Cell, sums: NDArray[np.float32]) -> None:
        """Put a cell's array in."""
        self._memory[cell] = sums
        while len(self._memory) * self._bytes > IN_MEMORY:
            oldest, waiting = self._memory.popitem(last=False)
            place = self._free.pop() if self._free else len(self._places)
            self._places[oldest] = place
            self._scratch().seek(place * self._bytes)
            self._write(waiting.data.cast("B"))

    # A file without a buffer may take, or give, less than it was asked to: on a disk that is nearly
    # full it does, and raises only at the next attempt.

    def _write(self, data: memoryview) -> None:
        while data:
            data = data[self._scratch().write(data) :]

    def _read(self, into: memoryview) -> None:
        while into:
            got = self._scratch().readinto(into)
            if not got:
                raise OSError(errno.EIO, "what was put there is gone", str(self._path))
            into = into[got:]

    def _scratch(self) -> FileIO:
        if self._file is None:
            self._file = FileIO(self._path, "w+")
        return self._file

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)


def class_index(probabilities: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the most probable class, uint8 (h, w); the first one where several are.

    As a running maximum, about 20 times as fast as ``argmax`` over the first axis.

    Args:
        probabilities: float32 (classes, h, w), at most 255 classes; any multiple of them will do.
    """
    index = np.zeros(probabilities.shape[1:], np.uint8)
    best = probabilities[0].copy()
    for number, candidate in enumerate(probabilities[1:], start=1):
        # Later winners have the larger number, so that a maximum of numbers keeps the last one.
        np.maximum(index, (candidate > best).view(np.uint8) * np.uint8(number), out=index)
        np.maximum(best, candidate, out=best)
    return index


def _shared(cell: int, tile: int, side: int) -> tuple[slice, slice]:
    """Return what a cell and a tile share along one axis, as slices of the cell and the tile."""
    begin, end = max(cell, tile), min(cell + CELL, tile + side)
    return slice(begin - cell, end - cell), slice(begin - tile, end - tile)
