import numpy as np
import pytest
from sampled_sources import HALF, LARGE, SCHEME, SMALL, VIEW, source

from carcinomap.cohort import Block, grid_keys


def test_grid_covers_the_tissue_with_few_patches():
    found = grid_keys(source(tissue=(0, 0, 2048, 1024)), SCHEME, VIEW, least=0)
    covered = np.zeros((4000, 4000), int)
    for key in found:
        left, top = round(key.x - HALF), round(key.y - HALF)
        assert min(left, top) >= 0
        covered[top : top + 2 * HALF, left : left + 2 * HALF] += 1
    assert (covered > 0).mean() > 0.999  # but for rounding
    assert covered.mean() < 1.06
    only = grid_keys(source(tissue=(0, 0, 2048, 1024)), SCHEME, VIEW)
    assert 16 * 8 <= len(only) < 18 * 10


@pytest.mark.parametrize("side", [100, 128, 130, 300])
def test_grid_reaches_both_ends_of_a_small_slide(side):
    xs = {key.x for key in grid_keys(source(side=side), SCHEME, VIEW)}
    assert min(xs) <= HALF
    assert max(xs) >= side - HALF


def test_grid_includes_outlines_without_tissue():
    bare = source(("benign", (3000, 3000, 3600, 3600)), tissue=(0, 0, 0, 0))
    found = grid_keys(bare, SCHEME, VIEW)
    assert found
    assert all(2900 < key.x < 3700 and 2900 < key.y < 3700 for key in found)


def test_grid_stays_in_its_block():
    mine = source(LARGE, SMALL).restricted(inside=Block(0, 0, 1000, 4000))
    found = grid_keys(mine, SCHEME, VIEW)
    assert found
    assert all(key.x <= 1000 - HALF for key in found)
