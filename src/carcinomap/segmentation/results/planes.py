"""Planes of a map, such as its probabilities, as OME-Zarr, written while the slide runs.

The chunks' files are written and read here, not by a Zarr library: none of them may appear under
another name for a while, the same input must give the same bytes, and of a folder from elsewhere
no more may be decoded than a chunk can hold.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Self

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from carcinomap.errors import InputError
from carcinomap.segmentation.mapping.plan import CELL, Cell
from carcinomap.segmentation.results.ngff import CODEC, LEVEL, SHUFFLE_BITS, Channel, Header

__all__ = ["Channel", "Planes"]


class Planes:
    """An OME-Zarr image of several planes; safe to write and read from many threads.

    A pixel is round(255 · value), and 0 where nothing is mapped. The folder is a valid image at
    any time, in which what has not been written yet is 0.

    Attributes:
        path: The folder.
        width: In map pixels.
        height: In map pixels.
        mpp: Microns per map pixel.
        channels: Names and colours of the planes.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self.width, self.height, self.mpp = header.width, header.height, header.mpp
        self.channels = header.channels
        self._levels = header.levels
        self._shape = (len(header.channels), CELL, CELL)

    @classmethod
    def create(
        cls,
        path: Path,
        width: int,
        height: int,
        mpp: float,
        channels: Sequence[Channel],
        name: str,
    ) -> Self:
        """Begin an image, or go on with one that was begun with the same arguments.

        Args:
            path: The folder; its name should end in ``.ome.zarr``.
            width: In map pixels.
            height: In map pixels.
            mpp: Microns per map pixel.
            channels: Of the planes, in order.
            name: The image's name, the slide's.
        """
        header = Header(width, height, mpp, tuple(channels), name)
        header.write(path)
        return cls(path, header)

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open an image, finished or not.

        Raises:
            InputError: There is no such folder, or it is no image that carcinomap wrote.
        """
        path = Path(path)
        return cls(path, Header.read(path))

    def write(
        self, row: int, column: int, values: NDArray[np.float32], mapped: NDArray[np.bool_]
    ) -> None:
        """Write a cell; one that is there, whole or in part, is replaced.

        Args:
            row: Of the cell.
            column: Of the cell.
            values: float32 (channels, CELL, CELL) in 0 … 1.
            mapped: bool (CELL, CELL); False outside the map.
        """
        if not mapped.any():
            return
        pixels = np.rint(values * np.float32(255)).astype(np.uint8)
        pixels *= mapped
        self._store(0, (row, column), pixels)

    def finish(self) -> None:
        """Make the coarser levels from level 0."""
        with ThreadPoolExecutor() as pool:
            for level in range(1, self._levels):
                for row in range(-(-self.height // (CELL << level))):
                    columns = self._columns_above(level, row)
                    for _ in pool.map(partial(self._average, level, row), columns):
                        pass  # raises what went wrong

    def window(self, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        """Return a window of the map.

        Args:
            x: Left column in map pixels; may lie outside the map.
            y: Top row in map pixels; may lie outside the map.
            width: In map pixels.
            height: In map pixels.

        Returns:
            uint8 (channels, height, width); 0 where nothing is mapped.

        Raises:
            InputError: The image is damaged there.
        """
        output = np.zeros((len(self.channels), height, width), np.uint8)
        left, right = max(x, 0), min(x + width, self.width)
        top, bottom = max(y, 0), min(y + height, self.height)
        if left >= right or top >= bottom:
            return output
        for row in range(top // CELL, -(-bottom // CELL)):
            for column in range(left // CELL, -(-right // CELL)):
                y0, y1 = max(top, row * CELL), min(bottom, (row + 1) * CELL)
                x0, x1 = max(left, column * CELL), min(right, (column + 1) * CELL)
                output[:, y0 - y : y1 - y, x0 - x : x1 - x] = self._load(0, (row, column))[
                    :, y0 - row * CELL : y1 - row * CELL, x0 - column * CELL : x1 - column * CELL
                ]
        return output

    def _average(self, level: int, row: int, column: int) -> None:
        """Make a cell from the four below it; each pixel is the mean of four."""
        half = CELL // 2
        pixels = np.empty(self._shape, np.uint8)
        for down in range(2):
            for across in range(2):
                below = self._load(level - 1, (2 * row + down, 2 * column + across))
                upper = below[:, ::2].astype(np.uint16) + below[:, 1::2]
                mean = (upper[:, :, ::2] + upper[:, :, 1::2] + 2) >> 2
                rows = slice(down * half, (down + 1) * half)
                pixels[:, rows, across * half : (across + 1) * half] = mean
        self._store(level, (row, column), pixels)

    def _file(self, level: int, cell: Cell) -> Path:
        return self.path.joinpath(str(level), "0", *map(str, cell))

    def _columns_above(self, level: int, row: int) -> set[int]:
        """Return those columns of a row of cells that stand above a cell that was written."""
        folders = (self._file(level - 1, (2 * row + down, 0)).parent for down in range(2))
        return {int(file.name) // 2 for folder in folders for file in folder.glob("[0-9]*")}

    def _store(self, level: int, cell: Cell, pixels: NDArray[np.uint8]) -> None:
        file = self._file(level, cell)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_encode(pixels))

    def _load(self, level: int, cell: Cell) -> NDArray[np.uint8]:
        """Return a cell: uint8 (channels, CELL, CELL)."""
        file = self._file(level, cell)
        if not file.is_file():
            return np.zeros(self._shape, np.uint8)
        size = int(np.prod(self._shape))
        try:
            if file.stat().st_size > 2 * size:  # no encoder makes it so much larger
                raise ValueError("too large")
            decoded = imagecodecs.blosc_decode(file.read_bytes(), out=size, numthreads=1)
            return np.frombuffer(decoded, np.uint8).reshape(self._shape)
        except (RuntimeError, ValueError) as error:
            raise InputError(f"{self.path}: damaged, {file} cannot be read") from error


def _encode(pixels: NDArray[np.uint8]) -> bytes:
    encoded = imagecodecs.blosc_encode(
        pixels.tobytes(),
        level=LEVEL,
        compressor=CODEC,
        shuffle=SHUFFLE_BITS,
        typesize=1,
        numthreads=1,  # several would put their blocks down in any order
    )
    return bytes(encoded)
