from io import FileIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from segmentation_fakes import somewhere

from carcinomap.segmentation.mapping.blending import Blender, TileWeights, class_index
from carcinomap.segmentation.mapping.plan import CELL, Cell, Tile, TilePlan


def brute_force(plan: TilePlan, tiles: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Blend all tiles in one array that holds the whole map."""
    classes, margin = tiles[0].shape[0], plan.size
    sums = np.zeros((classes, plan.height + margin, plan.width + margin), np.float32)
    total = np.zeros(sums.shape[1:], np.float32)
    for place, tile in zip(plan.tiles, tiles, strict=True):
        window = np.s_[place.y : place.y + place.height, place.x : place.x + place.width]
        weights = np.outer(*(by_rim(side, plan.size) for side in tile.shape[1:]))
        sums[:, *window] += tile * weights
        total[window] += weights
    covered = total > 0
    return np.where(covered, sums / np.where(covered, total, 1), 0), covered


def by_rim(side: int, longest: int) -> np.ndarray:
    """Return a weight by the distance from the rim: the Gaussian's of the longest side."""
    rim = np.minimum(np.arange(side), np.arange(side)[::-1])
    return np.exp(-0.5 * ((rim - (longest - 1) / 2) * 8 / longest) ** 2)


def random_tiles(plan: TilePlan, random: np.random.Generator) -> list[np.ndarray]:
    return [random.random((3, tile.height, tile.width), np.float32) for tile in plan.tiles]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.integers(1, 900),
    st.integers(1, 900),
    st.sampled_from([(128, 0), (128, 64), (224, 96), (512, 128)]),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.05, 0.5, 1.0]),
    st.booleans(),
)
def test_streamed_equals_the_whole_map_in_one_array(
    tmp_path: Path,
    width: int,
    height: int,
    layout: tuple[int, int],
    seed: int,
    share: float,
    fitted: bool,
) -> None:
    plan = TilePlan.of(width, height, *layout, 32, somewhere(share, seed), fitted)
    tiles = random_tiles(plan, np.random.default_rng(seed))
    if not tiles:
        return
    expected, covered = brute_force(plan, tiles)
    seen = set()
    with Blender(plan, 3, tmp_path / "sums") as blender:
        assert blender.tiles == list(plan.tiles)
        for place, tile in zip(plan.tiles, tiles, strict=True):
            for done in blender.add(place, tile):
                y, x = done.cell[0] * CELL, done.cell[1] * CELL
                h, w = min(CELL, height - y), min(CELL, width - x)
                np.testing.assert_allclose(
                    done.values[:, :h, :w], expected[:, y : y + h, x : x + w], rtol=1e-6
                )
                np.testing.assert_array_equal(done.covered[:h, :w], covered[y : y + h, x : x + w])
                assert done.cell not in seen
                seen.add(done.cell)
        assert blender.live == 0
        assert list(blender.to_come) == []
    assert seen == {cell for tile in plan.tiles for cell in plan.cells(tile)}


def blended(
    plan: TilePlan, tiles: dict[Tile, np.ndarray], scratch: Path, done: frozenset[Cell]
) -> tuple[dict[Cell, bytes], int]:
    """Return the sums of every cell that is not done, and how many tiles that took."""
    with Blender(plan, 3, scratch, done) as blender:
        cells = [cell for tile in blender.tiles for cell in blender.add(tile, tiles[tile])]
        assert not scratch.exists() or scratch.stat().st_size
    assert not scratch.exists()
    return {cell.cell: cell.sums.tobytes() + cell.weights.tobytes() for cell in cells}, len(
        blender.tiles
    )


def test_cells_on_disk_and_cells_done_before_change_no_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = TilePlan.of(3000, 1400, 256, 96, 32, somewhere(0.5, 8), fitted=True)
    made = random_tiles(plan, np.random.default_rng(8))
    tiles = dict(zip(plan.tiles, made, strict=True))
    scratch = tmp_path / "sums"
    whole, count = blended(plan, tiles, scratch, frozenset())
    assert count == len(plan.tiles)
    for in_memory in (0, 3_000_000):
        monkeypatch.setattr("carcinomap.segmentation.mapping.blending.IN_MEMORY", in_memory)
        assert blended(plan, tiles, scratch, frozenset())[0] == whole
        for finished in (1, 10, len(whole) - 1, len(whole)):
            done = frozenset(list(whole)[:finished])
            rest, needed = blended(plan, tiles, scratch, done)
            assert rest == {cell: sums for cell, sums in whole.items() if cell not in done}
            assert needed <= count
    assert needed == 0


class HesitantFile(FileIO):
    """Takes and gives less than it is asked to, as a file on a disk that is nearly full does."""

    def write(self, data) -> int:
        return super().write(memoryview(data)[:100_000])

    def readinto(self, into) -> int:
        return super().readinto(memoryview(into)[:70_000])


def test_a_disk_that_takes_a_part_at_a_time_changes_no_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = TilePlan.of(1500, 1400, 256, 96, 32, lambda *_: True)
    made = random_tiles(plan, np.random.default_rng(8))
    tiles = dict(zip(plan.tiles, made, strict=True))
    whole, _ = blended(plan, tiles, tmp_path / "sums", frozenset())
    monkeypatch.setattr("carcinomap.segmentation.mapping.blending.IN_MEMORY", 0)
    monkeypatch.setattr("carcinomap.segmentation.mapping.blending.FileIO", HesitantFile)
    assert blended(plan, tiles, tmp_path / "sums", frozenset())[0] == whole


def test_constant_probabilities_show_no_seam(tmp_path: Path) -> None:
    plan = TilePlan.of(1000, 700, 256, 64, 32, lambda *_: True)
    constant = np.broadcast_to(
        np.array([0.1, 0.2, 0.7], np.float32)[:, None, None], (3, plan.size, plan.size)
    )
    with Blender(plan, 3, tmp_path / "sums") as blender:
        for place in plan.tiles:
            for done in blender.add(place, constant):
                inside = done.values[:, done.covered]
                expected = constant[:, 0, :1].repeat(inside.shape[1], 1)
                np.testing.assert_allclose(inside, expected, 1e-6)


def test_weights_are_positive_symmetric_and_highest_in_the_middle() -> None:
    tile = Tile(0, 0, 1024, 1024)
    weights = TileWeights(1024).part(tile, slice(None), slice(None))
    assert weights.dtype == np.float32
    assert (weights > 1e-8).all()
    np.testing.assert_array_equal(weights, weights[::-1])
    np.testing.assert_array_equal(weights, weights.T)
    assert weights.max() == weights[511, 511]


def test_what_is_in_memory_does_not_depend_on_the_slide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "carcinomap.segmentation.mapping.blending.IN_MEMORY", 30 * 2 * CELL * CELL * 4
    )
    for width, height in ((1500, 1500), (6000, 1500), (1500, 6000)):
        plan = TilePlan.of(width, height, 512, 128, 32, lambda *_: True)
        tile = np.zeros((1, 512, 512), np.float32)
        with Blender(plan, 1, tmp_path / "sums") as blender:
            for place in blender.tiles:
                blender.add(place, tile)
                assert blender.live <= 30


@given(st.integers(1, 254), st.integers(0, 2**32 - 1))
def test_class_index_is_argmax_ties_included(classes: int, seed: int) -> None:
    probabilities = np.random.default_rng(seed).integers(0, 4, (classes, 5, 7)).astype(np.float32)
    np.testing.assert_array_equal(class_index(probabilities), probabilities.argmax(axis=0))
