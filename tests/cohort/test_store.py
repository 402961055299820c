import pickle
from pathlib import Path

from carcinomap.cohort import Case, SlideStore


class Opened:
    def __init__(self, number):
        self.number = number
        self.closed = False

    def close(self):
        self.closed = True


def store_of(monkeypatch, count, limit):
    opened = []

    def open_slide(case):
        opened.append(Opened(int(case.name)))
        return opened[-1]

    monkeypatch.setattr(Case, "open_slide", open_slide)
    return SlideStore([Case(Path(f"{i}.svs")) for i in range(count)], limit), opened


def test_keeps_the_recently_used_open(monkeypatch):
    store, opened = store_of(monkeypatch, 5, 2)
    for case in (0, 1, 0, 2, 0):
        assert store[case].number == case
    assert [slide.number for slide in opened] == [0, 1, 2]
    assert [slide.closed for slide in opened] == [False, True, False]
    store.close()
    assert all(slide.closed for slide in opened)


def test_another_process_opens_its_own(monkeypatch):
    store, opened = store_of(monkeypatch, 3, 2)
    store[1]
    copy = pickle.loads(pickle.dumps(store))  # noqa: S301
    assert copy[1] is not store[1]
    assert len(opened) == 2
