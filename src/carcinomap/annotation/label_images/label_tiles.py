"""Pixel values of an image in tiles."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

PACKED = 512
"""Side of the tiles that images are packed into."""

LARGEST_PACKED = 1 << 31  # pixels: a square of 46,000
LARGEST_PIECE = 1 << 28  # bytes: of one tile or strip, and of all tiles packed

BYTES_PER_TILE = 100  # that it takes to know where one is

Values = NDArray[np.uint8]


class NoLabelImageError(Exception):
    """Why a file is no label image, in words."""


@dataclass(frozen=True)
class Tiles:
    """An image in tiles, row by row; many threads may read at once.

    Attributes:
        width: In pixels.
        height: In pixels.
        across: Width of the tiles.
        down: Height of the tiles.
        read: Returns a tile by its number: uint8, at least as large as what the image has of it.
            Raises NoLabelImageError where it is damaged or holds what can be no classes.
        mpp: Microns per pixel that the file claims, where that can be believed.
        description: What the file says of itself.
        held: About how many bytes it keeps in memory.
    """

    width: int
    height: int
    across: int
    down: int
    read: Callable[[int], Values]
    mpp: float | None = None
    description: str = ""
    held: int = 0

    @property
    def columns(self) -> int:
        """Tiles side by side."""
        return -(-self.width // self.across)

    @property
    def rows(self) -> int:
        """Tiles one below the other."""
        return -(-self.height // self.down)

    def tile(self, row: int, column: int) -> Values:
        """Return what the image has of a tile."""
        down = min(self.down, self.height - row * self.down)
        across = min(self.across, self.width - column * self.across)
        return self.read(row * self.columns + column)[:down, :across]

    def window(self, x: int, y: int, width: int, height: int) -> Values:
        """Return the pixels of a window inside the image."""
        return self.sample(np.arange(y, y + height), np.arange(x, x + width))

    def sample(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Values:
        """Return the pixels where some rows and columns, both in ascending order, cross."""
        output = np.empty((len(rows), len(columns)), np.uint8)
        for row, r in groups(rows, self.down):
            for column, c in groups(columns, self.across):
                down = _slice_if_all(rows[r] - row * self.down)
                across = _slice_if_all(columns[c] - column * self.across)
                output[r, c] = self.tile(row, column)[down][:, across]
        return output


def groups(positions: NDArray[np.int64], side: int) -> list[tuple[int, slice]]:
    """Return the tiles along one axis, each with the slice of the positions that are in it."""
    tiles, starts = np.unique(positions // side, return_index=True)
    stops = np.append(starts, len(positions))[1:]
    spans = zip(tiles.tolist(), starts.tolist(), stops.tolist(), strict=True)
    return [(tile, slice(start, stop)) for tile, start, stop in spans]


def _slice_if_all(positions: NDArray[np.int64]) -> NDArray[np.int64] | slice:
    """Return ascending positions as a slice, which copies nothing, if none is left out."""
    if (np.diff(positions) == 1).all():
        return slice(int(positions[0]), int(positions[-1]) + 1)
    return positions


def packed(width: int, height: int, rows: Callable[[int, int], Values]) -> Tiles:
    """Pack an image that can only be read from the top to the bottom into tiles, in memory.

    Values that hardly change from pixel to pixel take little room.

    Args:
        width: In pixels.
        height: In pixels.
        rows: Returns the rows from one up to, not including, another; called in order.

    Raises:
        NoLabelImageError: The image is too large, or changes too often.
    """
    columns, down = -(-width // PACKED), -(-height // PACKED)
    if columns * down * PACKED**2 > LARGEST_PACKED or PACKED * width > LARGEST_PIECE:
        raise NoLabelImageError(
            f"{width:,} × {height:,} pixels can be read in windows only from a tiled TIFF"
        )
    tiles: list[bytes] = []
    size = 0
    for top in range(0, height, PACKED):
        bottom = min(top + PACKED, height)
        band = np.zeros((PACKED, columns * PACKED), np.uint8)
        band[: bottom - top, :width] = rows(top, bottom)
        parts = np.split(band, columns, axis=1)
        several = [bytes(imagecodecs.zstd_encode(part.tobytes(), 1)) for part in parts]
        tiles += several
        size += sum(map(len, several))
        if size > LARGEST_PIECE:
            raise NoLabelImageError("its pixels change as often as those of a photograph")

    def read(index: int) -> Values:
        return np.frombuffer(imagecodecs.zstd_decode(tiles[index]), np.uint8).reshape(PACKED, -1)

    return Tiles(width, height, PACKED, PACKED, read, held=size + len(tiles) * BYTES_PER_TILE)


def one_channel(pixels: NDArray[Any]) -> Values:
    """Return the values (rows, columns) of pixels (rows, columns, channels).

    Raises:
        NoLabelImageError: They have colours, or values that are no bytes.
    """
    values = pixels[..., 0]
    if pixels.shape[-1] >= 3 and (pixels[..., 1:3] != values[..., None]).any():
        raise NoLabelImageError(
            "it has colours, where every pixel should be one number; store the numbers in one "
            "channel (a palette may colour them)"
        )
    if values.dtype not in (np.uint8, np.bool_):
        wrong = values[(values < 0) | (values > 255)]
        if wrong.size:
            raise NoLabelImageError(f"it has the pixel value {wrong[0]}; 0 to 255 are possible")
    return values.astype(np.uint8, copy=False)
