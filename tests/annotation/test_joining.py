from itertools import product

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from carcinomap.annotation import joining
from carcinomap.annotation.joining import Grid, Joiner, Piece, cut, join
from carcinomap.annotation.tracing import outlines

SMALL = arrays(
    np.uint8,
    st.tuples(st.integers(1, 14), st.integers(1, 14)),
    elements=st.sampled_from([0, 1, 2]),
)


def pieces_of(image, block):
    """Return the grid and its blocks: row, column, pieces of values other than 0."""
    grid = Grid(image.shape[1], image.shape[0], block)
    blocks = []
    for row, column in grid:
        box = x, y, right, bottom = grid.box(row, column)
        window = np.ascontiguousarray(image[y:bottom, x:right])
        values, polygons = outlines(window, x, y, window != 0)
        shared = cut(polygons, box, grid.width, grid.height) if len(polygons) else []
        blocks.append((row, column, list(map(Piece, values.tolist(), polygons, map(bool, shared)))))
    return grid, blocks


def matched(regions, polygons):
    return all(sum(region.polygon.equals(other) for other in polygons) == 1 for region in regions)


@settings(deadline=None, max_examples=100)
@given(SMALL, st.integers(1, 6))
def test_joining_block_by_block_is_joining_all_at_once(image, block):
    grid, blocks = pieces_of(image, block)
    assert len(grid) == len(blocks)
    regions = list(join(blocks, grid))
    for index in (1, 2):
        pieces = [each.polygon for _, _, all_of in blocks for each in all_of if each.index == index]
        together = shapely.get_parts(shapely.union_all(pieces)) if pieces else []
        mine = [region for region in regions if region.index == index]
        assert len(mine) == len(together)
        assert matched(mine, together)
    # Blocks without pieces may be left out.
    rest = list(join([each for each in blocks if each[2]], grid))
    assert [each.polygon.wkb for each in rest] == [each.polygon.wkb for each in regions]


@settings(deadline=None, max_examples=60)
@given(SMALL, st.integers(1, 6))
def test_a_region_comes_with_the_last_block_that_it_reaches_or_borders_on(image, block):
    grid, blocks = pieces_of(image, block)
    joiner = Joiner(grid)
    for row, column, pieces in blocks:
        for region in joiner.add(row, column, pieces):
            x0, y0, x1, y1 = (int(side) for side in region.polygon.bounds)
            near = product(range(y0 // block, y1 // block + 1), range(x0 // block, x1 // block + 1))
            boxes = {at: shapely.box(*grid.box(*at)) for at in near if at in set(grid)}
            last = max(at for at in boxes if region.polygon.intersection(boxes[at]).length > 0)
            assert last == (row, column)
    assert list(joiner.end()) == []


def test_only_regions_that_reach_into_coming_blocks_wait():
    bars = np.tile(np.repeat(np.array([0, 1], np.uint8), 5), (400, 4))  # upright, all the way down
    blobs = np.kron(np.tile(2 * np.eye(2, dtype=np.uint8), (20, 1)), np.ones((10, 10), np.uint8))
    grid, blocks = pieces_of(np.hstack((bars, blobs)), 15)
    joiner = Joiner(grid)
    most = came = 0
    for row, column, pieces in blocks:
        came += len(list(joiner.add(row, column, pieces)))
        most = max(most, joiner.waiting)
    assert came == 4 + 40
    assert most <= 4 + 3


def test_a_region_over_hundreds_of_blocks_is_united_once(monkeypatch):
    united = []
    union = shapely.coverage_union_all
    monkeypatch.setattr(
        joining.shapely,
        "coverage_union_all",
        lambda all_of: united.append(len(all_of)) or union(all_of),
    )
    image = np.ones((200, 200), np.uint8)
    image[5::10, 5::10] = 0
    grid, blocks = pieces_of(image, 10)
    (region,) = join(blocks, grid)
    assert united == [400]
    assert len(region.polygon.interiors) == 400
    assert region.polygon.area == 200 * 200 - 400


@pytest.mark.parametrize("block", [7, 10, 30])
def test_blocks_leave_no_vertices_behind(block):
    image = np.zeros((40, 40), np.uint8)
    image[3:38, 2:39] = 1
    grid, blocks = pieces_of(image, block)
    (region,) = join(blocks, grid)
    assert shapely.get_num_coordinates(region.polygon) == 5


def test_neighbours_across_a_border_of_blocks_share_the_vertex_where_three_meet():
    image = np.ones((20, 20), np.uint8)
    image[:, 10:] = 2
    image[4:, 10:] = 3
    grid, blocks = pieces_of(image, 10)
    polygons = [region.polygon for region in join(blocks, grid)]
    assert len(polygons) == 3
    assert shapely.coverage_is_valid(polygons)
