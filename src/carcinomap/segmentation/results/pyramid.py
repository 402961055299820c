"""The coarser levels of a class map, each made from the one below, cell by cell."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby

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
    with ThreadPoolExecutor() as pool:
        for level in range(1, levels):
            for row, cells in groupby(spool.cells(level - 1), lambda cell: cell[0] // 2):
                columns = sorted({column // 2 for _, column in cells})
                for _ in pool.map(partial(_halve, spool, level, row), columns):
                    pass  # raises what went wrong


def _halve(spool: Spool, level: int, row: int, column: int) -> None:
    """Make a cell of ``level`` from the four below it."""
    half = CELL // 2
    labels = np.full((CELL, CELL), NOT_MAPPED, np.uint8)
    for down in range(2):
        for across in range(2):
            child = spool.read(level - 1, 2 * row + down, 2 * column + across)
            rows = slice(down * half, (down + 1) * half)
            labels[rows, across * half : (across + 1) * half] = child[::2, ::2]
    spool.write(level, row, column, labels)
