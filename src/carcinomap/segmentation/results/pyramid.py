"""The coarser levels of a class map, each made from the one below, cell by cell."""

import numpy as np

from carcinomap.segmentation.mapping.plan import CELL
from carcinomap.segmentation.unfinished.spool import NOT_MAPPED, Spool


def level_sizes(width: int, height: int) -> list[tuple[int, int]]:
    """Return every level's (width, height), halved until one cell holds it all."""
    sizes = [(width, height)]
    while max(sizes[-1]) > CELL:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def build_pyramid(spool: Spool, levels: int) -> None:
    """Add levels 1 … ``levels`` − 1 to a spool that holds level 0.

    A pixel takes the class of the top-left one of the four it stands for: an index of classes
    cannot be averaged, and that pixel always lies inside the map.
    """
    half = CELL // 2
    for level in range(1, levels):
        parents = {(row // 2, column // 2) for row, column in spool.cells(level - 1)}
        for row, column in sorted(parents):
            labels = np.full((CELL, CELL), NOT_MAPPED, np.uint8)
            for down in range(2):
                for across in range(2):
                    child = spool.read(level - 1, 2 * row + down, 2 * column + across)
                    labels[down * half : (down + 1) * half, across * half : (across + 1) * half] = (
                        child[::2, ::2]
                    )
            spool.write(level, row, column, labels)
