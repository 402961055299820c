from concurrent.futures import ThreadPoolExecutor

import numpy as np

from carcinomap.slide.readers.tile_cache import TileCache


def tile(value, side=10):
    return np.full((side, side, 3), value, np.uint8)


def test_lets_go_of_what_was_not_used_for_longest():
    cache = TileCache(900)
    for index in range(3):
        cache.put((0, index), tile(index))
    assert cache.get((0, 0)) is not None
    cache.put((0, 3), tile(3))
    assert cache.get((0, 1)) is None
    assert [int(cache.get((0, i))[0, 0, 0]) for i in (0, 2, 3)] == [0, 2, 3]


def test_keeps_one_tile_however_large():
    cache = TileCache(900)
    cache.put((0, 0), tile(0))
    cache.put((0, 1), tile(1, side=50))
    assert cache.get((0, 0)) is None
    assert cache.get((0, 1)) is not None
    cache.put((0, 2), tile(2))
    assert cache.get((0, 1)) is None
    assert cache.held == 300


def test_never_holds_more_than_it_may():
    cache = TileCache(30_000)
    random = np.random.default_rng(0)

    def use(index):
        found = cache.get((0, index))
        if found is None:
            cache.put((0, index), tile(index % 251))
        else:
            assert (found == index % 251).all()
        return cache.held

    with ThreadPoolExecutor(8) as pool:
        held = list(pool.map(use, random.integers(0, 300, 5000).tolist()))
    # A thread may look just after another has added, before it lets go.
    assert max(held) <= 30_000 + 300
    assert cache.held == 30_000
    cache.clear()
    assert cache.held == 0
