import pytest
from hypothesis import given
from hypothesis import strategies as st

from carcinomap.errors import InputError
from carcinomap.work import Shard


@given(st.lists(st.integers()), st.integers(1, 20))
def test_every_item_is_in_one_part(items, count):
    parts = [Shard(number, count).of(items) for number in range(1, count + 1)]
    assert sorted(item for part in parts for item in part) == sorted(items)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_part_is_every_nth_from_its_own_on():
    part = Shard.parse("2/3")
    assert part.of("abcdefg") == ["b", "e"]
    assert (str(part), part.suffix) == ("2/3", "-2-of-3")


@pytest.mark.parametrize("text", ["", "3", "0/4", "5/4", "a/4", "1/0", "-1/4", "1/2/3", "²/4"])
def test_other_texts_are_no_part(text):
    with pytest.raises(InputError, match="--shard"):
        Shard.parse(text)
