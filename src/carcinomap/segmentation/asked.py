"""Which slides a user means: files, folders, patterns, a table, a list on standard input."""

import codecs
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from carcinomap.cohort.reading import survey
from carcinomap.errors import CarcinomapError, InputError
from carcinomap.slide import find_slides
from carcinomap.storage import AnyPath, as_path, without_secrets
from carcinomap.work import Shard

STANDARD_INPUT = "-"
LONGEST_LIST = 64_000_000  # bytes on standard input
TAKEN = re.compile(r"run(-\d+-of-\d+)?")  # a slide of such a name would share the run's record

Missing = tuple[AnyPath, Exception]
"""Something that was asked for and is no slide, and why."""


@dataclass(frozen=True)
class Asked:
    """A slide to be mapped.

    Attributes:
        path: The file.
        mpp: Microns per level-0 pixel where the user says so; None takes the file's own.
    """

    path: AnyPath
    mpp: float | None = None

    @property
    def name(self) -> str:
        """The slide's name, after which its results are named."""
        return self.path.stem


@dataclass(frozen=True)
class SlideList:
    """All that was asked for.

    Attributes:
        slides: The slides that are there, in a stable order.
        missing: What is wrong with the others.
    """

    slides: tuple[Asked, ...]
    missing: tuple[Missing, ...] = ()

    @classmethod
    def of(cls, slides: str | AnyPath | Sequence[str | AnyPath], mpp: float | None = None) -> Self:
        """Find slides.

        Args:
            slides: Slides, folders, patterns, CSV tables with a column ``slide`` (and ``mpp``), or
                ``-`` for a list on standard input, one of these a line.
            mpp: Microns per level-0 pixel of all of them; None takes the table's or the file's.
        """
        found: list[Asked] = []
        missing: list[Missing] = []
        for one in _listed([slides] if isinstance(slides, str | AnyPath) else slides):
            path: AnyPath = Path(without_secrets(str(one)))
            try:
                path = as_path(one)
                if path.suffix.lower() == ".csv":
                    of_table, wrong = _of_table(path)
                    found += of_table
                    missing += wrong
                else:
                    found += map(Asked, find_slides(path))
            except (CarcinomapError, OSError) as error:  # such as a name that is too long
                missing.append((path, error))
        if mpp is not None:
            found = [Asked(one.path, mpp) for one in found]
        return cls(tuple(dict.fromkeys(found)), tuple(missing))

    def part(self, shard: Shard | None) -> "SlideList":
        """Return every Nth slide; what is wrong with others is told in every part."""
        return self if shard is None else SlideList(tuple(shard.of(self.slides)), self.missing)

    def check_names(self) -> None:
        """Check that every slide can have results of its own.

        Raises:
            InputError: Two slides have one name, or a slide has one that is taken.
        """
        paths: dict[str, AnyPath] = {}
        for one in self.slides:
            if not one.name:
                raise InputError(
                    f"{one.path}: the last part of the address is empty, and results are named "
                    "after it; fetch the slide, and name the file"
                )
            if one.name in paths:
                raise InputError(
                    f"{one.name}: two slides have this name ({paths[one.name]}, {one.path}), and "
                    "results are named after the slide; segment them into different folders"
                )
            paths[one.name] = one.path
            if TAKEN.fullmatch(one.name):
                raise InputError(
                    f"{one.path}: {one.name}.json is the record of the whole run, and would be "
                    "that of this slide too; rename the slide"
                )


def _listed(slides: Sequence[str | AnyPath]) -> Iterator[str | AnyPath]:
    for one in slides:
        if str(one) == STANDARD_INPUT:
            content = sys.stdin.buffer.read(LONGEST_LIST).removeprefix(codecs.BOM_UTF8)
            text = os.fsdecode(content)  # in no encoding but the disk's
            yield from filter(None, map(str.strip, text.splitlines()))
        else:
            yield one


def _of_table(table: AnyPath) -> tuple[list[Asked], list[Missing]]:
    """Return the slides of a cohort's table, and what is wrong with its other lines.

    Whether they have annotations, and which, is of no interest here.
    """
    found = survey(table)
    slides = [Asked(case.slide, case.mpp) for case in found.cohort.cases]
    wrong = [
        one
        for one in found.findings
        if one.severity == "error" and (not one.slide or one.kind == "two slides of one name")
    ]
    return slides, [(table, InputError(one.message)) for one in wrong]
