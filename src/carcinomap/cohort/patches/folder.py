"""The folder of a patch data set: what lies where, and whether it may be written."""

import json
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carcinomap.errors import InputError
from carcinomap.files import write_json

FEATURES, LABELS, TABLE, CLASSES = "train_feature", "train_label", "tiles.csv", "classes.yaml"


@dataclass(frozen=True)
class PatchFolder:
    """The files of a patch data set."""

    path: Path

    @property
    def features(self) -> Path:
        """The folder of the images."""
        return self.path / FEATURES

    @property
    def labels(self) -> Path:
        """The folder of the labels, under the images' names."""
        return self.path / LABELS

    @property
    def table(self) -> Path:
        """Where every tile came from; written last."""
        return self.path / TABLE

    @property
    def classes(self) -> Path:
        """The classes, and which pixel value is which."""
        return self.path / CLASSES

    @property
    def palette(self) -> Path:
        """The colours of the pixel values, as a table."""
        return self.path / "palette.csv"

    @property
    def settings(self) -> Path:
        """What the tiles were made with."""
        return self.path / "settings.json"

    @property
    def journals(self) -> Path:
        """The folder that tells which tiles are finished, a file for each slide."""
        return self.path / ".tiles"

    def journal(self, slide: str) -> Path:
        """Return the file that tells which tiles of a slide are finished."""
        return self.journals / f"{slide}.jsonl"

    def files(self, tile: str, suffix: str) -> tuple[Path, Path]:
        """Return the image, of a suffix, and the label of a tile."""
        return self.features / f"{tile}{suffix}", self.labels / f"{tile}.png"

    @property
    def written_here(self) -> bool:
        """Whether carcinomap wrote it, or began to."""
        return self.settings.is_file() and self.journals.is_dir()

    @property
    def looks_like_one(self) -> bool:
        """Whether there are images and labels, whoever wrote them."""
        return self.features.is_dir() and self.labels.is_dir()

    def check(self, record: Mapping[str, Any], slides: Collection[str], overwrite: bool) -> None:
        """Make sure that the folder may be written.

        Args:
            record: What its tiles are to be made with.
            slides: Names of the slides.
            overwrite: Whether what carcinomap wrote there may be thrown away.

        Raises:
            InputError: It holds what carcinomap did not write; or tiles of other settings or
                other slides, and ``overwrite`` is not asked for.
        """
        if not self.written_here:
            if any(path.exists() for path in (self.features, self.labels, self.table)):
                raise InputError(
                    f"{self.path}: holds {FEATURES}, {LABELS} or {TABLE}, which carcinomap did not "
                    "write; choose another --output"
                )
        elif not overwrite and (begun := {file.stem for file in self.journals.glob("*.jsonl")}):
            self._check_same(record)
            others = sorted(begun - set(slides))
            if others:
                raise InputError(
                    f"{self.path}: holds tiles of slides that are not asked for (such as "
                    f"{others[0]}); --overwrite starts anew, or choose another --output"
                )

    def begin(self, record: Mapping[str, Any], overwrite: bool) -> None:
        """Clear away what was written before, if that is asked for, and record the settings."""
        if overwrite and self.written_here:
            self.table.unlink(missing_ok=True)
            for folder in (self.features, self.labels, self.journals):
                if folder.exists():
                    shutil.rmtree(folder)
        write_json(self.settings, record)
        for folder in (self.journals, self.features, self.labels):
            folder.mkdir(exist_ok=True)

    def _check_same(self, record: Mapping[str, Any]) -> None:
        try:
            before = dict(json.loads(self.settings.read_bytes()))
        except (ValueError, TypeError, RecursionError):
            before = {}
        changed = sorted(
            name for name in {*record, *before} if record.get(name) != before.get(name)
        )
        if changed:
            raise InputError(
                f"{self.path}: holds tiles of other settings ({', '.join(changed)}); go on with "
                "the same ones, start anew with --overwrite, or choose another --output"
            )
