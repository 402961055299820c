import pickle
from pathlib import Path

from carcinomap.cohort import Case, SlideStore


class Opened:
    def __init__(self, number, holds):
        self.number = number
        self.holds = holds
        self.closed = False

    def close(self):
        self.closed = True


def store_of(monkeypatch, count, limit, holds=0):
    opened = []

    def open_slide(case):
        opened.append(Opened(int(case.name), holds))
        return opened[-1]

    monkeypatch.setattr(Case, "open_slide", open_slide)
    return SlideStore([Case(Path(f"{i}.svs")) for i in range(count)], limit, 100), opened


def test_keeps_the_recently_used_open(monkeypatch):
    store, opened = store_of(monkeypatch, 5, 2)
    for case in (0, 1, 0, 2, 0):
        assert store[case].number == case
    assert [slide.number for slide in opened] == [0, 1, 2]
    assert [slide.closed for slide in opened] == [False, True, False]
    store.close()
    assert all(slide.closed for slide in opened)


def test_what_open_slides_hold_is_bounded_but_one_is_always_open(monkeypatch):
    store, opened = store_of(monkeypatch, 4, 32, holds=40)
    for case in (0, 1, 0, 2):
        assert store[case].number == case
    assert [slide.closed for slide in opened] == [False, True, False]
    store, opened = store_of(monkeypatch, 2, 32, holds=1000)
    for case in (0, 0, 1):
        assert not store[case].closed
    assert [slide.closed for slide in opened] == [True, False]


def test_another_process_opens_its_own(monkeypatch):
    store, opened = store_of(monkeypatch, 3, 2)
    store[1]
    copy = pickle.loads(pickle.dumps(store))  # noqa: S301
    assert copy[1] is not store[1]
    assert len(opened) == 2
