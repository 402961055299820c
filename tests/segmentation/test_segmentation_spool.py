import errno
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from segmentation_fakes import blobs, fill, new_path

from carcinomap.errors import InputError
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
        assert list(spool.cells(0)) == [(7, column) for column in range(5)]
        assert list(spool.keys(0)) == [*spool.cells(0), (8, 0)]  # done, and empty


RECORDS = [((0, row, 3), bytes([row]) * (10 * row)) for row in range(6)]


def written(path: Path) -> Path:
    with Spool(path, {"what": "this"}) as spool:
        for key, data in RECORDS:
            spool.put(key, data)
    return path


def found(path: Path) -> list[tuple[tuple[int, int, int], bytes | None]]:
    with Spool(path, {"what": "this"}) as spool:
        return [((0, *key), spool.get((0, *key))) for key in spool.keys(0)]


def test_the_log_goes_on_after_being_cut_anywhere(tmp_path: Path) -> None:
    whole = written(tmp_path / "journal").read_bytes()
    cut = tmp_path / "cut"
    kept = set()
    for length in range(len(whole) + 1):
        cut.write_bytes(whole[:length])
        records = found(cut)
        assert records == RECORDS[: len(records)]
        kept.add(len(records))
        with Spool(cut, {"what": "this"}) as spool:
            for key, data in RECORDS:
                spool.put(key, data)
        assert cut.read_bytes() == whole
    assert kept == set(range(len(RECORDS) + 1))


def test_a_damaged_record_and_all_after_it_do_not_count(tmp_path: Path) -> None:
    whole = written(tmp_path / "journal").read_bytes()
    for place in range(len(whole)):
        path = tmp_path / "damaged"
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 64]) + whole[place + 1 :])
        records = found(path)
        assert records == RECORDS[: len(records)]
        assert len(records) < len(RECORDS)


def test_a_record_stays_as_it_was_first_written(tmp_path: Path) -> None:
    with Spool(tmp_path / "journal") as spool:
        spool.put((0, 1, 1), b"first")
        spool.put((0, 1, 1), b"second")
        assert spool.get((0, 1, 1)) == b"first"
        assert (0, 1, 1) in spool
        assert spool.get((0, 1, 2)) is None


def test_work_of_another_identity_is_refused_and_kept(tmp_path: Path) -> None:
    path = written(tmp_path / "journal")
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"another colour, what.*--overwrite"):
        Spool(path, {"what": "that", "colour": "red"})
    assert path.read_bytes() == before


def test_a_log_without_any_work_is_not_left_behind(tmp_path: Path) -> None:
    Spool(tmp_path / "journal", {"what": "this"}).close()
    assert list(tmp_path.iterdir()) == []


def test_many_threads_write_at_once(tmp_path: Path) -> None:
    with Spool(tmp_path / "journal", {"what": "this"}) as spool, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: spool.put((0, n, 0), bytes([n % 256]) * n), range(300)))
    assert found(tmp_path / "journal") == [((0, n, 0), bytes([n % 256]) * n) for n in range(300)]


def test_a_disk_that_fills_up_leaves_no_half_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "journal")
    whole = path.read_bytes()
    with Spool(path, {"what": "this"}) as spool:

        class Full:
            """Takes ten bytes, and then no more."""

            def __init__(self, file: Any) -> None:
                self.file, self.room = file, 10

            def write(self, data: Any) -> int:
                if not self.room:
                    raise OSError(errno.ENOSPC, "no space left")
                taken, self.room = self.file.write(data[: self.room]), 0
                return int(taken)

            def __getattr__(self, name: str) -> Any:
                return getattr(self.file, name)

        monkeypatch.setattr(spool, "_file", Full(spool._file))
        with pytest.raises(OSError, match="no space"):
            spool.put((0, 99, 0), b"x" * 100)
        monkeypatch.undo()
        spool.put((0, 98, 0), b"there is room again")
    assert path.read_bytes()[: len(whole)] == whole
    assert found(path) == [*RECORDS, ((0, 98, 0), b"there is room again")]


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
    with Spool(new_path(tmp_path)) as spool:
        fill(spool, labels)
        build_pyramid(spool, len(sizes))
        for number, (columns, rows) in enumerate(sizes):
            found = level(spool, number, columns, rows)
            expected = labels[:: 2**number, :: 2**number]
            assert expected.shape == (rows, columns)
            np.testing.assert_array_equal(found[:rows, :columns], expected)
            assert (found[rows:] == NOT_MAPPED).all()
            assert (found[:, columns:] == NOT_MAPPED).all()
