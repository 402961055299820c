"""The files of one result: where they stand, and that they stand there whole or not at all."""

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carcinomap.errors import CarcinomapError, InputError

MAP, POLYGONS, OVERVIEW, RECORD = ".ome.tif", ".geojson", ".png", ".json"

IDENTITY = ("slide", "model", "mpp", "size", "settings")
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

        Raises:
            InputError: There is a result of another slide, model or settings, or files of these
                names that are no result of ours.
        """
        record_path = self.path(RECORD)
        if not record_path.exists():
            others = [self.path(suffix) for suffix in (MAP, POLYGONS, OVERVIEW)]
            strangers = [path for path in others if path.exists()]
            # With the partial folder beside them they are ours, of a run that was killed.
            if strangers and not self.partial.exists():
                raise InputError(
                    f"{strangers[0]}: exists and is not part of a finished result; "
                    "choose another folder, or replace it with --overwrite"
                )
            return None
        try:
            record = json.loads(record_path.read_text(encoding="utf-8"))
            differing = [key for key in IDENTITY if record[key] != identity[key]]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{record_path}: not a record of a segmentation; "
                "choose another folder, or replace it with --overwrite"
            ) from error
        if differing:
            raise InputError(
                f"{record_path}: is there already and differs in its {', '.join(differing)}; "
                "choose another folder, or replace it with --overwrite"
            )
        return dict(record)

    @contextmanager
    def writing(self) -> Iterator["Outputs"]:
        """Give the same files inside the partial folder, and move them out when all are there.

        Whatever ends the block early, Ctrl-C included, the partial folder goes and nothing new
        is left under a final name.

        Raises:
            CarcinomapError: The disk is full.
        """
        try:
            shutil.rmtree(self.partial, ignore_errors=True)
            self.partial.mkdir(parents=True)
            inside = Outputs(self.partial, self.name)
            yield inside
            self._publish(inside)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise CarcinomapError(
                f"{self.folder}: the disk is full; nothing of {self.name} was kept"
            ) from error
        finally:
            shutil.rmtree(self.partial, ignore_errors=True)

    def _publish(self, inside: "Outputs") -> None:
        """Move the files to their final names; the record, which vouches for them, comes last."""
        suffixes = (MAP, POLYGONS, OVERVIEW, RECORD)
        self.path(RECORD).unlink(missing_ok=True)
        try:
            for suffix in suffixes:
                os.replace(inside.path(suffix), self.path(suffix))
        except BaseException:
            for suffix in suffixes:
                self.path(suffix).unlink(missing_ok=True)
            raise
