"""Open slides, a few at a time: a cohort may have thousands, a process has few file handles."""

from collections import OrderedDict
from collections.abc import Sequence

from carcinomap.cohort.case import Case
from carcinomap.slide import Slide

OPEN_SLIDES = 32
HELD = 1 << 30
"""Bytes of pixels that open slides keep together: of a PNG or JPEG, it is all of them."""


class SlideStore:
    """Opens the slides of cases when asked and keeps the most recently used ones open.

    Every worker process has its own: pickling one sends the cases, never an open file.

    Args:
        cases: The cases.
        open_slides: So many are open at most.
        held: Bytes of pixels that they keep together at most; more only where a single one does.
    """

    def __init__(
        self, cases: Sequence[Case], open_slides: int = OPEN_SLIDES, held: int = HELD
    ) -> None:
        self._cases = cases
        self._limit, self._held = open_slides, held
        self._open: OrderedDict[int, Slide] = OrderedDict()

    def __getitem__(self, case: int) -> Slide:
        """Return the open slide of a case, valid until another was asked for."""
        if case not in self._open:
            self._open[case] = self._cases[case].open_slide()
            while len(self._open) > 1 and self._are_too_many():
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(case)
        return self._open[case]

    def _are_too_many(self) -> bool:
        held = sum(slide.holds for slide in self._open.values())
        return len(self._open) > self._limit or held > self._held

    def close(self) -> None:
        """Close every slide."""
        while self._open:
            self._open.popitem()[1].close()

    def __reduce__(self) -> tuple[type["SlideStore"], tuple[Sequence[Case], int, int]]:
        return SlideStore, (self._cases, self._limit, self._held)
