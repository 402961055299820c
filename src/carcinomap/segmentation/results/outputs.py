"""The files of one result: where they stand, and that they stand there whole or not at all."""

import errno
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carcinomap.errors import CarcinomapError, InputError
from carcinomap.segmentation.unfinished.lock import LOCK, locked
from carcinomap.segmentation.unfinished.spool import Spool
from carcinomap.storage import AnyPath

MAP, POLYGONS, OVERVIEW, RECORD = ".ome.tif", ".geojson", ".png", ".json"
PROBABILITIES, UNCERTAINTY = ".probabilities.ome.zarr", ".uncertainty.ome.zarr"

SUFFIXES = (MAP, PROBABILITIES, UNCERTAINTY, POLYGONS, OVERVIEW, RECORD)
"""All that a result can have, in the order in which it gets its final names."""

JOURNAL = "journal"
"""The file in a partial folder with what is finished; without it, nothing is."""

PUBLISHING = "publishing"
"""Marks a partial folder of which the result is taking the place of what stood there."""

WHOLE = "whole"
"""Marks a partial folder of which all files are whole, and those missing have been moved."""

ALONE = ".elsewhere"
"""Ends the name of a file that is there while the record stands for a result that is elsewhere."""

NO_RECORD = (ValueError, KeyError, TypeError, AttributeError, RecursionError, IsADirectoryError)
"""What reading a file ends in that is not a record."""

IDENTITY = ("slide", "model", "mpp", "size", "settings", "roi")
"""Entries of the record that must be the same for a result to be the one asked for."""


@dataclass(frozen=True)
class Outputs:
    """The files that belong to a slide's name in a folder.

    Attributes:
        folder: Where the results are.
        name: The slide's.
    """

    folder: Path
    name: str

    def path(self, suffix: str) -> Path:
        """Return where a file of the result is or will be."""
        return self.folder / f"{self.name}{suffix}"

    @property
    def partial(self) -> Path:
        """The folder that holds everything until it is whole."""
        return self.path(".partial")

    def finished(self, identity: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the record of a finished result, or None where nothing stands in the way.

        A record vouches for nothing if a file is missing or is not as long as it was; but one that
        came here alone, from a result that is elsewhere, does.

        Raises:
            InputError: There is a result of another slide, model or settings, or files of these
                names that are no result of ours.
        """
        there = [suffix for suffix in SUFFIXES if self.path(suffix).exists()]
        if RECORD not in there:
            # They are ours where a run was killed while it gave files their names.
            if not (self.partial / PUBLISHING).exists():
                refuse(self.path(suffix) for suffix in there)
            return None
        record = self._record_of(identity)
        expected = record["files"]
        if self.path(ALONE).exists() or (MAP in there and is_whole(expected, self.sizes())):
            return record
        refuse(self.path(suffix) for suffix in not_named(expected, there))
        return None

    def _record_of(self, identity: Mapping[str, Any]) -> dict[str, Any]:
        """Read the record, and make sure that it is one of this identity."""
        path = self.path(RECORD)
        try:
            record = dict(json.loads(path.read_text(encoding="utf-8")))
            differing = [key for key in IDENTITY if record[key] != identity[key]]
            # Earlier versions did not write down these two, and not every reader knows of both.
            content = record.get("content", {})
            pairs = [(content.get(key), value) for key, value in identity["content"].items()]
            if any(None not in pair and pair[0] != pair[1] for pair in pairs):
                differing.append("slide's content")
            record["files"] = dict(record.get("files", {}))
        except NO_RECORD as error:
            raise InputError(
                f"{path}: not a record of a segmentation; "
                "choose another folder, or replace it with --overwrite"
            ) from error
        if differing:
            raise InputError(
                f"{path}: is there already and differs in its {', '.join(differing)}; "
                "choose another folder, or replace it with --overwrite"
            )
        return record

    def sizes(self) -> dict[str, int]:
        """Return the bytes of the files that are there; not of folders, and not of the record."""
        files = [suffix for suffix in SUFFIXES if suffix != RECORD and self.path(suffix).is_file()]
        return {suffix: self.path(suffix).stat().st_size for suffix in files}

    @contextmanager
    def working(self) -> Iterator["Outputs"]:
        """Give the same files inside the partial folder, which no other process uses meanwhile.

        A result that was being published when its process died is published first.

        The folder is there afterwards only if the block raised, and left in it what the same run
        can go on with. A process that is killed leaves it as well.

        Raises:
            CarcinomapError: The disk is full, or another process is writing this result.
        """
        try:
            with locked(self.partial):
                try:
                    inside = Outputs(self.partial, self.name)
                    if (self.partial / WHOLE).exists():
                        self._move(inside)
                    yield inside
                    _empty(self.partial)
                finally:
                    if not (self.partial / JOURNAL).exists():
                        shutil.rmtree(self.partial, ignore_errors=True)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise CarcinomapError(
                f"{self.folder}: the disk is full while {self.name} is being mapped; make room, "
                f"and the same command goes on with what {self.partial.name} holds"
            ) from error

    def journal(self, identity: Mapping[str, Any], overwrite: bool) -> Spool:
        """Open the journal of a partial folder: begun anew, or gone on with.

        Args:
            identity: What is being made of what.
            overwrite: Throw away what is there of another identity, instead of refusing it. What
                is there of the same one ends in the same bytes as a new beginning.

        Raises:
            InputError: There is unfinished work of another identity.
        """
        try:
            return Spool(self.folder / JOURNAL, identity)
        except InputError:
            if not overwrite:
                raise
            _empty(self.folder)
            return Spool(self.folder / JOURNAL, identity)

    def publish(self, inside: "Outputs") -> None:
        """Move the files to their final names; the record, which vouches for them, comes last."""
        (inside.folder / PUBLISHING).touch()
        for suffix in (*reversed(SUFFIXES), ALONE):
            _remove(self.path(suffix))
        for suffix in SUFFIXES:
            for file in inside.path(suffix).rglob("*"):  # of planes, which are folders
                _sync(file)
            _sync(inside.path(suffix))
        (inside.folder / WHOLE).touch()
        _sync(inside.folder)
        self._move(inside)

    def _move(self, inside: "Outputs") -> None:
        for suffix in SUFFIXES:
            if inside.path(suffix).exists():
                os.replace(inside.path(suffix), self.path(suffix))


def refuse(strangers: Iterable[AnyPath]) -> None:
    """Refuse to replace files that are no result of ours.

    Raises:
        InputError: There are any.
    """
    for stranger in strangers:
        raise InputError(
            f"{stranger}: exists and is not part of a finished result; "
            "choose another folder, or replace it with --overwrite"
        )


def not_named(expected: Mapping[str, Any], there: Sequence[str]) -> list[str]:
    """Return which of the files that are there are not of the result that had a record.

    Args:
        expected: Bytes by suffix, in the record; empty in those of earlier versions.
        there: Suffixes.
    """
    named = (*expected, RECORD, PROBABILITIES, UNCERTAINTY)  # a record names no folders
    return [suffix for suffix in there if suffix not in named] if expected else []


def is_whole(expected: Mapping[str, Any], sizes: Mapping[str, int]) -> bool:
    """Say whether all files of a result are there, and as long as its record says.

    Args:
        expected: Bytes by suffix, in the record; others than ours are passed over.
        sizes: The same, as it is.
    """
    return all(sizes.get(suffix) == expected[suffix] for suffix in SUFFIXES if suffix in expected)


def check_spares(slide: AnyPath, output: AnyPath) -> None:
    """Check that no file of a slide's result has the place of the slide itself.

    Raises:
        InputError: One has.
    """
    for suffix in SUFFIXES:
        place = output / f"{slide.stem}{suffix}"
        same = place == slide or (
            isinstance(place, Path)
            and isinstance(slide, Path)
            and place.exists()
            and slide.exists()
            and place.samefile(slide)
        )
        if same:
            raise InputError(f"{slide}: its result would take its place; choose another folder")


def _sync(path: Path) -> None:
    """Have what is in a file, or which files are in a folder, on the disk, as far as that can be.

    Without it, after a power cut, a record could be there and the map that it vouches for not.
    """
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name != LOCK:
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
