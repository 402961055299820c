"""Open slides, a few at a time: a cohort may have thousands, a process has few file handles."""

from collections import OrderedDict
from collections.abc import Sequence

from carcinomap.cohort.case import Case
from carcinomap.slide import Slide

OPEN_SLIDES = 32


class SlideStore:
    """Opens the slides of cases when asked and keeps the most recently used ones open.

    Every worker process has its own: pickling one sends the cases, never an open file.
    """

    def __init__(self, cases: Sequence[Case], open_slides: int = OPEN_SLIDES) -> None:
        self._cases = cases
        self._limit = open_slides
        self._open: OrderedDict[int, Slide] = OrderedDict()

    def __getitem__(self, case: int) -> Slide:
        """Return the open slide of a case, valid until ``open_slides`` others were asked for."""
        if case not in self._open:
            self._open[case] = self._cases[case].open_slide()
            if len(self._open) > self._limit:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(case)
        return self._open[case]

    def close(self) -> None:
        """Close every slide."""
        while self._open:
            self._open.popitem()[1].close()

    def __reduce__(self) -> tuple[type["SlideStore"], tuple[Sequence[Case], int]]:
        return SlideStore, (self._cases, self._limit)
