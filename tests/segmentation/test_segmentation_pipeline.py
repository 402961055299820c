import signal
import threading
import time
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from segmentation_fakes import (
    COLOURS,
    FakeRuntime,
    MemorySlide,
    blobs,
    by_colour,
    by_position,
    new_path,
    painted,
    tissue_everywhere,
)
from test_segmentation_blending import brute_force

from carcinomap.errors import CarcinomapError
from carcinomap.segmentation.job import Job
from carcinomap.segmentation.mapping.map_slide import map_slide, plan_of
from carcinomap.segmentation.mapping.pipeline import Feed
from carcinomap.segmentation.mapping.plan import CELL, TilePlan
from carcinomap.segmentation.results.outputs import Outputs
from carcinomap.segmentation.settings import SegmentationSettings
from carcinomap.segmentation.unfinished.spool import NOT_MAPPED, Spool
from carcinomap.slide import TissueMask, View, read_mirrored


def run(
    folder: Path,
    slide: MemorySlide,
    runtime: FakeRuntime,
    tissue: TissueMask,
    tile: int = 256,
    overlap: int = 64,
    batch: int | None = 1,
    readers: int = 2,
) -> tuple[np.ndarray, TilePlan]:
    """Return the map, and the plan by which it was made."""
    width, height = slide.size_at(runtime.views[0].mpp)
    options = SegmentationSettings(
        tile=tile, overlap=overlap, batch=batch, readers=readers, outlines=False
    )
    job = Job(slide, runtime, options)
    inside = Outputs(folder, "memory")
    with (
        mock.patch("carcinomap.segmentation.mapping.map_slide.find_tissue", return_value=tissue),
        Spool(new_path(folder)) as spool,
    ):
        plan, _ = plan_of(job)
        map_slide(job, spool, inside)
        cells = [
            [spool.read(0, row, column) for column in range(-(-width // CELL))]
            for row in range(-(-height // CELL))
        ]
    return np.block(cells)[:height, :width], plan


@pytest.mark.parametrize(("batch", "readers"), [(1, 1), (3, 4)])
def test_a_pixelwise_network_gives_the_direct_map(tmp_path: Path, batch: int, readers: int) -> None:
    labels = blobs(700, 900, seed=1)
    slide = MemorySlide(painted(labels), mpp=1.0)
    runtime = FakeRuntime(by_colour)
    found, _ = run(tmp_path, slide, runtime, tissue_everywhere(slide), batch=batch, readers=readers)
    np.testing.assert_array_equal(found, labels)
    assert {shape[0] for shape in runtime.shapes} == {batch}


def test_readers_by_themselves_are_as_many_as_the_process_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slide = MemorySlide(painted(blobs(300, 300, seed=1)), mpp=1.0)
    job = Job(slide, FakeRuntime(by_colour), SegmentationSettings(tile=256, overlap=64))
    with mock.patch(
        "carcinomap.segmentation.mapping.map_slide.find_tissue",
        return_value=tissue_everywhere(slide),
    ):
        plan, mask = plan_of(job)
    found = []
    for threads in ("3", "64", ""):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        monkeypatch.setattr("carcinomap.granted.usable_cores", lambda: 5.5)
        found.append(Feed.of(job, plan, mask).readers)
    assert found == [3, 16, 5]


@pytest.mark.parametrize(("pixels", "batch"), [(0, 1), (3 * 256**2, 3), (10**9, 20)])
def test_the_runtime_says_how_many_tiles_it_wants_at_once(
    tmp_path: Path, pixels: int, batch: int
) -> None:
    slide = MemorySlide(painted(blobs(700, 900, seed=1)), mpp=1.0)
    runtime = FakeRuntime(by_colour)
    runtime.batch_pixels = pixels
    _, plan = run(tmp_path, slide, runtime, tissue_everywhere(slide), batch=None)
    assert {shape[0] for shape in runtime.shapes} == {min(batch, len(plan.tiles))}


def test_at_another_mpp_the_map_is_that_of_the_slide_read_in_one_piece(tmp_path: Path) -> None:
    slide = MemorySlide(painted(blobs(900, 1100, seed=2)), mpp=0.7)
    found, _ = run(tmp_path, slide, FakeRuntime(by_colour), tissue_everywhere(slide))
    width, height = slide.size_at(1.0)
    whole = by_colour(slide.read(0, 0, width, height, 1.0)[None])[0].argmax(axis=0)
    np.testing.assert_array_equal(found, whole)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.integers(1, 700),
    st.integers(1, 700),
    st.sampled_from([(128, 0), (128, 64), (256, 32), (512, 128)]),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
def test_blending_equals_brute_force_on_tissue_alone(
    tmp_path: Path, width: int, height: int, layout: tuple[int, int], seed: int, any_size: bool
) -> None:
    random = np.random.default_rng(seed)
    slide = MemorySlide(painted(blobs(height, width, seed)), mpp=1.0)
    mask = np.kron(random.random((-(-height // 64), -(-width // 64))) < 0.3, np.ones((8, 8), bool))
    tissue = TissueMask(mask, 8.0, 1.0)
    found, plan = run(tmp_path, slide, FakeRuntime(by_position, any_size=any_size), tissue, *layout)
    mapped = tissue.window(0, 0, width, height, 1.0)
    np.testing.assert_array_equal(found != NOT_MAPPED, mapped)
    if plan.tiles:
        tiles = [
            by_position(slide.read(tile.x, tile.y, tile.width, tile.height, 1.0)[None])[0]
            for tile in plan.tiles
        ]
        expected = brute_force(plan, tiles)[0].argmax(axis=0)[:height, :width]
        np.testing.assert_array_equal(found[mapped], expected[mapped])


def test_every_view_has_the_tile_in_its_middle(tmp_path: Path) -> None:
    slide = MemorySlide(painted(blobs(600, 600, seed=3, size=100)), mpp=1.0)
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    def function(near: np.ndarray, wide: np.ndarray) -> np.ndarray:
        seen.append((near[0], wide[0]))
        return by_colour(near)

    runtime = FakeRuntime(function, views=(View(1.0, 128), View(4.0, 64)))
    _, plan = run(tmp_path, slide, runtime, tissue_everywhere(slide))
    for tile, (near, wide) in zip(plan.tiles, seen, strict=True):
        np.testing.assert_array_equal(near, read_mirrored(slide, tile.x, tile.y, 256, 256, 1.0))
        corner = (tile.x + 128 - 256, tile.y + 128 - 256)
        np.testing.assert_array_equal(wide, read_mirrored(slide, *corner, 128, 128, 4.0))


def test_without_tissue_the_network_is_never_asked(tmp_path: Path) -> None:
    slide = MemorySlide(painted(blobs(300, 300, seed=4)), mpp=1.0)
    runtime = FakeRuntime(by_colour)
    nothing = TissueMask(np.zeros((38, 38), bool), 8.0, 1.0)
    found, _ = run(tmp_path, slide, runtime, nothing)
    assert (found == NOT_MAPPED).all()
    assert runtime.shapes == []


def test_a_network_that_gives_no_numbers_is_an_error(tmp_path: Path) -> None:
    def broken(images: np.ndarray, *_: Any) -> np.ndarray:
        probabilities = by_colour(images)
        probabilities[0, 1, 7, 7] = np.nan
        return probabilities

    slide = MemorySlide(np.broadcast_to(COLOURS[0], (300, 300, 3)).copy(), mpp=1.0)
    with pytest.raises(CarcinomapError, match="the network gave"):
        run(tmp_path, slide, FakeRuntime(broken), tissue_everywhere(slide))


def test_ctrl_c_leaves_no_thread_behind_that_prepares_the_runtime() -> None:
    prepared = []

    class Slow(FakeRuntime):
        @property
        def any_size(self) -> bool:
            time.sleep(0.3)  # by now the other thread waits for this one
            main = threading.main_thread().ident
            assert main is not None
            signal.pthread_kill(main, signal.SIGINT)
            time.sleep(1)
            prepared.append(True)
            return True

        @any_size.setter
        def any_size(self, value: bool) -> None:
            pass

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    slide = MemorySlide(painted(blobs(300, 300, seed=1)), mpp=1.0)
    try:
        with pytest.raises(KeyboardInterrupt):
            plan_of(Job(slide, Slow(by_colour), SegmentationSettings()))
    finally:
        signal.signal(signal.SIGINT, before)
    assert prepared
