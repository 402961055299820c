"""Slides that kill the process that opens them, as a bug in a decoder does."""

import os
import signal
from dataclasses import asdict
from typing import Self

from carcinomap.cohort import Case
from carcinomap.slide import Slide


class DeadlyCase(Case):
    """A case whose slide nobody opens and lives."""

    @classmethod
    def of(cls, case: Case) -> Self:
        """Return a case that is deadly but otherwise the same."""
        return cls(**asdict(case))

    def open_slide(self) -> Slide:
        """Open the slide, or rather not."""
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError
