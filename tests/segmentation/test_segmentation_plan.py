import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carcinomap.errors import InputError
from carcinomap.segmentation.mapping.plan import CELL, STRIPE, TilePlan


@st.composite
def layouts(draw: st.DrawFn) -> tuple[int, int, int, int, int]:
    stride = draw(st.sampled_from([8, 32]))
    tile = stride * draw(st.integers(4, 20))
    overlap = stride * draw(st.integers(0, tile // stride // 2))
    return (
        draw(st.integers(1, 600)),
        draw(st.integers(1, 600)),
        tile,
        overlap,
        stride,
    )


@settings(deadline=None)
@given(layouts())
def test_cores_part_the_map_and_tiles_overlap_enough(
    layout: tuple[int, int, int, int, int],
) -> None:
    width, height, tile, overlap, stride = layout
    cores = []

    def everything(*box: int) -> bool:
        cores.append(box)
        return True

    plan = TilePlan.of(width, height, tile, overlap, stride, everything)
    times = np.zeros((height, width), int)
    for (x, y, w, h), one in zip(cores, plan.tiles, strict=True):
        times[y : y + h, x : x + w] += 1
        assert one.x % stride == 0
        assert one.y % stride == 0
        # Away from the map's border a core keeps half the overlap from its tile's rim.
        rim = overlap // 2
        assert x == 0 or x >= one.x + rim
        assert y == 0 or y >= one.y + rim
        assert x + w == width or x + w <= one.x + plan.size - rim
        assert y + h == height or y + h <= one.y + plan.size - rim
        assert x + w <= one.x + plan.size
        assert y + h <= one.y + plan.size
    assert (times == 1).all()


@settings(deadline=None)
@given(layouts())
def test_no_more_tiles_than_a_plain_grid(layout: tuple[int, int, int, int, int]) -> None:
    width, height, tile, overlap, stride = layout
    plan = TilePlan.of(width, height, tile, overlap, stride, lambda *_: True)

    def on_a_grid(length: int) -> int:
        return 1 + max(0, -(-(length - tile) // (tile - overlap)))

    assert len(plan.tiles) == on_a_grid(width) * on_a_grid(height)


def test_a_small_map_gets_a_small_tile() -> None:
    assert TilePlan.of(480, 324, 1024, 256, 32, lambda *_: True).size == 512
    assert TilePlan.of(10, 10, 1024, 256, 32, lambda *_: True).size == 32
    assert TilePlan.of(513, 100, 1024, 256, 32, lambda *_: True).size == 1024
    assert TilePlan.of(10, 10, 96, 32, 32, lambda *_: True).size == 96  # 48 is no multiple


def test_only_wanted_tiles_in_stripes_from_top_to_bottom() -> None:
    plan = TilePlan.of(64 * 20, 64 * 3, 64, 0, 32, lambda x, y, w, h: not x <= 640 < x + w)
    assert len(plan.tiles) == 19 * 3
    stripes = [tile.x // (64 * STRIPE) for tile in plan.tiles]
    assert stripes == sorted(stripes)
    first = [(tile.y, tile.x) for tile in plan.tiles if tile.x < 64 * STRIPE]
    assert first == sorted(first)


def test_cells_end_with_the_map() -> None:
    plan = TilePlan.of(CELL + 1, CELL, 512, 0, 32, lambda *_: True)
    assert list(plan.cells(plan.tiles[0])) == [(0, 0), (0, 1)]


@pytest.mark.parametrize(
    ("tile", "overlap", "named"), [(1000, 256, "--tile 1000"), (1024, 100, "--overlap 100")]
)
def test_what_the_stride_does_not_divide_is_refused(tile: int, overlap: int, named: str) -> None:
    with pytest.raises(InputError, match=named):
        TilePlan.of(5000, 5000, tile, overlap, 32, lambda *_: True)
