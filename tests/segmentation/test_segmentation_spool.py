from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from segmentation_fakes import blobs, fill

from carcinomap.segmentation.mapping.plan import CELL
from carcinomap.segmentation.results.pyramid import build_pyramid, level_sizes
from carcinomap.segmentation.unfinished.spool import NOT_MAPPED, Spool


def level(spool: Spool, number: int, width: int, height: int) -> np.ndarray:
    cells = [
        [spool.read(number, row, column) for column in range(-(-width // CELL))]
        for row in range(-(-height // CELL))
    ]
    return np.block(cells)


def test_cells_come_back_and_empty_ones_take_no_room(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    with Spool(tmp_path / "cells") as spool:
        kept = {}
        for column in range(5):
            kept[column] = random.integers(0, 4, (CELL, CELL), np.uint8)
            spool.write(0, 7, column, kept[column])
            assert (spool.read(0, 7, 0) == kept[0]).all()  # reading between writes
        spool.write(0, 8, 0, np.full((CELL, CELL), NOT_MAPPED, np.uint8))
        for column, labels in kept.items():
            np.testing.assert_array_equal(spool.read(0, 7, column), labels)
        assert (spool.read(0, 8, 0) == NOT_MAPPED).all()
        assert spool.cells(0) == [(7, column) for column in range(5)]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(1, 1400), st.integers(1, 1400), st.integers(0, 99))
def test_each_level_is_every_other_pixel_of_the_one_below(
    tmp_path: Path, width: int, height: int, seed: int
) -> None:
    labels = blobs(height, width, seed, size=13)
    sizes = level_sizes(width, height)
    assert max(sizes[-1]) <= CELL
    with Spool(tmp_path / "cells") as spool:
        fill(spool, labels)
        build_pyramid(spool, len(sizes))
        for number, (columns, rows) in enumerate(sizes):
            found = level(spool, number, columns, rows)
            expected = labels[:: 2**number, :: 2**number]
            assert expected.shape == (rows, columns)
            np.testing.assert_array_equal(found[:rows, :columns], expected)
            assert (found[rows:] == NOT_MAPPED).all()
            assert (found[:, columns:] == NOT_MAPPED).all()
