"""Tiles that were decoded a moment ago: neighbouring windows share them."""

from collections import OrderedDict
from threading import Lock

import numpy as np
from numpy.typing import NDArray


class TileCache:
    """The tiles used last, up to a number of bytes; safe to use from many threads.

    Args:
        capacity: Bytes of pixels that it holds at most; more only where a single tile has more.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.held = 0
        self._tiles: OrderedDict[tuple[int, int], NDArray[np.uint8]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: tuple[int, int]) -> NDArray[np.uint8] | None:
        """Return the tile of a (level, index), if it is here."""
        with self._lock:
            tile = self._tiles.get(key)
            if tile is not None:
                self._tiles.move_to_end(key)
            return tile

    def put(self, key: tuple[int, int], tile: NDArray[np.uint8]) -> None:
        """Keep a tile and let go of those that were not used for longest."""
        with self._lock:
            # Two threads may have decoded the same tile at the same time.
            if key in self._tiles:
                return
            self._tiles[key] = tile
            self.held += tile.nbytes
            while self.held > self.capacity and len(self._tiles) > 1:
                self.held -= self._tiles.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        """Let go of all tiles."""
        with self._lock:
            self._tiles.clear()
            self.held = 0
