from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carcinomap.segmentation.mapping.plan import CELL, STRIPE, Cell, Tile, TilePlan
from carcinomap.slide import TissueMask

Wanted = Callable[[int, int, int, int], bool]


def everything(*_: int) -> bool:
    return True


def inside(*boxes: tuple[int, int, int, int]) -> Wanted:
    """Want what is in some of the boxes, each (left, top, right, bottom)."""

    def wanted(x: int, y: int, width: int, height: int) -> bool:
        return any(
            x < right and left < x + width and y < bottom and top < y + height
            for left, top, right, bottom in boxes
        )

    return wanted


@st.composite
def layouts(draw: st.DrawFn) -> tuple[int, int, int, int, int]:
    stride = draw(st.sampled_from([1, 8, 32]))
    tile = stride * draw(st.integers(4, 20))
    overlap = stride * draw(st.integers(0, tile // stride // 2))
    longest = 60 * stride
    return (draw(st.integers(1, longest)), draw(st.integers(1, longest)), tile, overlap, stride)


def core(plan: TilePlan, tile: Tile, overlap: int) -> tuple[slice, slice]:
    """Return the part of a map, rows and columns, in which a tile may be the only one."""
    rim = overlap // 2

    def along(origin: int, side: int, length: int) -> slice:
        end = origin + side
        return slice(origin + rim if origin else 0, end - rim if end < length else length)

    return along(tile.y, tile.height, plan.height), along(tile.x, tile.width, plan.width)


@settings(deadline=None, max_examples=150)
@given(
    layouts(),
    st.floats(0.2, 1.5),
    st.floats(1.5, 40),
    st.sampled_from([0.02, 0.3, 0.9, 1]),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
def test_cores_hold_all_tissue_and_each_some_of_it(
    layout: tuple[int, int, int, int, int],
    ratio: float,
    coarse: float,
    share: float,
    seed: int,
    fitted: bool,
) -> None:
    # That cores hold all of it makes tiles overlap: what lies on both sides of where two cores
    # meet is half an overlap away from the rim of its tile.
    width, height, tile, overlap, stride = layout
    cells = [int(np.ceil(length / coarse)) for length in (height, width)]
    mask = TissueMask(np.random.default_rng(seed).random(cells) < share, coarse, 1 / ratio)
    pixels = mask.window(0, 0, width, height, 1.0)

    def wanted(*box: int) -> bool:
        x, y, w, h = (length * ratio for length in box)
        return mask.fraction(x, y, w, h) > 0

    plan = TilePlan.of(width, height, tile, overlap, stride, wanted, fitted)
    assert plan == TilePlan.of(width, height, tile, overlap, stride, wanted, fitted)
    assert len(set(plan.tiles)) == len(plan.tiles)
    overlap = min(overlap, plan.size // stride // 2 * stride)  # tiles of a small map are small
    held = np.zeros((height, width), bool)
    for one in plan.tiles:
        assert one.x % stride == one.y % stride == one.width % stride == one.height % stride == 0
        assert 0 < one.width <= plan.size
        assert 0 < one.height <= plan.size
        assert fitted or one.width == one.height == plan.size
        rows, columns = core(plan, one, overlap)
        assert wanted(
            columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start
        )
        held[rows, columns] = True
    assert not (pixels & ~held).any()


@settings(deadline=None)
@given(layouts())
def test_a_full_map_takes_no_more_tiles_than_a_plain_grid(
    layout: tuple[int, int, int, int, int],
) -> None:
    width, height, tile, overlap, stride = layout
    plan = TilePlan.of(width, height, tile, overlap, stride, everything)

    def on_a_grid(length: int) -> int:
        return 1 + max(0, -(-(length - tile) // (tile - overlap)))

    assert len(plan.tiles) == on_a_grid(width) * on_a_grid(height)


def test_a_small_map_gets_a_small_tile() -> None:
    assert TilePlan.of(480, 324, 1024, 256, 32, everything).size == 512
    assert TilePlan.of(10, 10, 1024, 256, 32, everything).size == 32
    assert TilePlan.of(513, 100, 1024, 256, 32, everything).size == 1024
    assert TilePlan.of(10, 10, 96, 32, 32, everything).size == 32
    assert TilePlan.of(480, 324, 1408, 192, 32, everything).size == 512
    assert TilePlan.of(1100, 324, 1408, 192, 32, everything).size == 1408
    assert TilePlan.of(10, 10, 1024, 256, 32, inside()).tiles == ()
    assert TilePlan.of(10, 10, 96, 32, 32, everything, least=96).size == 96


def test_tile_and_overlap_are_rounded_up_to_the_stride() -> None:
    assert TilePlan.of(9000, 9000, 1400, 190, 128, everything) == TilePlan.of(
        9000, 9000, 1408, 256, 128, everything
    )
    tiles = TilePlan.of(600, 100, 200, 100, 128, everything).tiles  # half of 256 is 128
    assert [tile.x for tile in tiles] == [0, 128, 256, 384]


def test_tiles_lie_where_the_tissue_is() -> None:
    # Each of the pieces fits into a core of 96, though none into one of a grid.
    pieces = inside((150, 250, 230, 330), (420, 50, 500, 130), (740, 700, 820, 780))
    plan = TilePlan.of(1000, 1000, 128, 32, 16, pieces)
    assert len(plan.tiles) == 3
    for tile in plan.tiles:
        assert pieces(tile.x + 16, tile.y + 16, 96, 96)


def test_what_needs_no_whole_core_lies_in_its_middle() -> None:
    (tile,) = TilePlan.of(1000, 1000, 128, 32, 16, inside((504, 600, 520, 632))).tiles
    assert abs(tile.x + 64 - 512) <= 16
    assert abs(tile.y + 64 - 616) <= 16


def test_fitted_tiles_are_no_larger_than_the_tissue_needs() -> None:
    piece = inside((504, 600, 520, 632))  # steps of 16 begin half an overlap before a tile does
    (tile,) = TilePlan.of(1000, 1000, 128, 32, 16, piece, fitted=True).tiles
    assert tile == Tile(480, 576, 64, 80)
    slanting = inside(*((x, x // 4, x + 100, x // 4 + 120) for x in range(0, 1800, 100)))
    squares, fitted = (
        sum(tile.pixels for tile in TilePlan.of(2000, 2000, 512, 64, 32, slanting, fit).tiles)
        for fit in (False, True)
    )
    assert fitted < 0.7 * squares


def test_fitted_tiles_end_with_the_map() -> None:
    (tile,) = TilePlan.of(1100, 324, 1408, 192, 32, everything, fitted=True).tiles
    assert tile == Tile(0, 0, 1120, 352)


def test_tiles_in_a_row_share_evenly() -> None:
    plan = TilePlan.of(2000, 100, 128, 32, 16, inside((300, 0, 600, 100)))
    assert [b.x - a.x for a, b in pairwise(plan.tiles)] == [80, 80, 80]


def test_stripes_become_narrow_where_that_saves_tiles() -> None:
    # Each stripe has rows of its own: of a piece that slants it needs few.
    slanting = inside(*((x, x // 4, x + 100, x // 4 + 120) for x in range(0, 1800, 100)))
    plan = TilePlan.of(2000, 2000, 256, 32, 32, slanting)
    assert len(plan.tiles) <= 9
    assert all(a.x < b.x and a.y <= b.y for a, b in pairwise(plan.tiles))


def test_stripes_are_done_one_by_one_from_top_to_bottom() -> None:
    plan = TilePlan.of(64 * 20, 64 * 3, 64, 0, 32, everything)
    assert len(plan.tiles) == 20 * 3
    stripes = [tile.x // (64 * STRIPE) for tile in plan.tiles]
    assert stripes == sorted(stripes)
    first = [(tile.y, tile.x) for tile in plan.tiles if tile.x < 64 * STRIPE]
    assert first == sorted(first)


def most_waiting(plan: TilePlan) -> tuple[int, int]:
    """Return the most cells that a stripe is at work on, and that wait for another stripe."""
    # A stripe begins where the plan goes back to the top.
    stripes = np.cumsum([False, *(b.y < a.y for a, b in pairwise(plan.tiles))])
    visits: dict[Cell, dict[int, list[int]]] = {}
    for number, (tile, stripe) in enumerate(zip(plan.tiles, stripes, strict=True)):
        for cell in plan.cells(tile):
            visits.setdefault(cell, {}).setdefault(stripe, []).append(number)
    at_work, waiting = (np.zeros(len(plan.tiles), int) for _ in range(2))
    for of_cell in visits.values():
        first, last = min(of_cell.values())[0], max(of_cell.values())[-1]
        waiting[first : last + 1] += 1
        for begin, *_, end in ([*numbers, numbers[-1]] for numbers in of_cell.values()):
            at_work[begin : end + 1] += 1
            waiting[begin : end + 1] -= 1
    return at_work.max(), waiting.max()


@pytest.mark.parametrize("height", [3000, 12_000])
@pytest.mark.parametrize("stripes", [1, 3, 6])
def test_cells_that_wait_are_those_of_a_row_and_of_one_seam(stripes: int, height: int) -> None:
    size, overlap = 512, 128
    across = STRIPE * (size - overlap)
    plan = TilePlan.of(stripes * across, height, size, overlap, 32, everything)
    at_work, waiting = most_waiting(plan)
    # A row of tiles touches three rows of cells, the seam to the next stripe two columns.
    assert at_work <= 3 * (across // CELL + 2)
    assert waiting <= (2 * -(-height // CELL) if stripes > 1 else 0)


def test_cells_end_with_the_map() -> None:
    plan = TilePlan.of(CELL + 1, CELL, 512, 0, 32, everything)
    assert list(plan.cells(plan.tiles[0])) == [(0, 0), (0, 1)]
