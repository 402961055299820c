import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from carcinomap.segmentation.unfinished.index import Index

SMALL = st.integers(-2, 200)
ANY = st.integers(-(2**31), 2**31 - 1)
KEYS = st.tuples(st.integers(-2, 3), SMALL, SMALL) | st.tuples(ANY, ANY, ANY)
PLACES = st.tuples(st.integers(20, 2**62), st.integers(0, 2**32 - 1))


@given(st.dictionaries(KEYS, PLACES))
def test_it_is_a_table_of_places_in_reading_order(expected: dict) -> None:
    index = Index()
    for key, place in expected.items():
        assert key not in index
        index[key] = place
        assert key in index
    assert index.levels == {level for level, _, _ in expected}
    for (level, row, column), place in expected.items():
        assert index.get((level, row, column)) == place
        beside = level, row, column + 1
        assert index.get(beside) == expected.get(beside)
    for level in {*index.levels, 7}:
        found = [((level, *cell), length) for cell, length in index.records(level)]
        assert found == sorted((key, at[1]) for key, at in expected.items() if key[0] == level)


def test_a_record_takes_little_more_than_its_two_numbers() -> None:
    index = Index()
    tracemalloc.start()
    try:
        for row in range(100):
            for column in range(600):
                index[0, row, column] = 10**9 + row, 10**6 + column
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 60_000 * 32
