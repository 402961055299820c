import pytest
from hypothesis import given
from hypothesis import strategies as st

from carcinomap.errors import InputError
from carcinomap.training.batches import Division, KeyBatches, SharedBatches


class Numbers:
    """A sampler whose keys say what they are of."""

    def key(self, step, sample):
        return (step, sample)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(0, 50))
def test_a_step_has_the_same_patches_however_it_is_divided(processes, parts, size, first):
    batch = processes * parts * size
    division = Division(batch, processes, parts)
    found = set()
    for process in range(processes):
        batches = KeyBatches(Numbers(), division, 3, lambda rank=process: (first, rank))
        mine = list(batches)
        assert len(mine) == len(batches) == 3 * parts
        assert all(len(keys) == size for keys in mine)
        assert mine == [batches[i] for i in range(len(batches))]
        keys = [key for keys in mine for key in keys]
        assert found.isdisjoint(keys)
        found.update(keys)
    assert found == {(first + i, sample) for i in range(3) for sample in range(batch)}


def test_patches_that_cannot_be_divided():
    with pytest.raises(InputError, match="--batch 8: cannot be divided evenly over 3 devices"):
        Division(8, 3)


@given(st.integers(0, 20), st.integers(1, 4))
def test_shares_are_all_of_it_and_nothing_twice(count, processes):
    batches = [[number] for number in range(count)]
    shares = [
        SharedBatches(batches, lambda rank=rank: (rank, processes)) for rank in range(processes)
    ]
    assert sorted(one for share in shares for one in share) == batches
    assert sum(map(len, shares)) == count
