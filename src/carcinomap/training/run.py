"""The folder of a training run: what lies where, and whether it may be written."""

import csv
import io
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Case
from carcinomap.errors import InputError
from carcinomap.files import write_text
from carcinomap.model import open_model
from carcinomap.storage import AnyPath, as_path
from carcinomap.training.settings import TrainingSettings

FOLDS = "folds.csv"
"""Where a cross-validation says who is in which fold."""

# What may differ when a run goes on: how long, and on what machine.
FREE_ON_RESUME = {"steps", "epochs", "minutes", "device", "devices", "nodes", "workers"}

INIT = "init"
"""Of the recorded settings, the fingerprint of the model that a run started from."""

HOLES, SHA256 = "holes", "annotation_sha256"
"""Columns of the split's table: the rule for holes, and which file the outlines were."""

COUNTED = "patches_a_step"
"""Of the recorded settings, what ``--batch 0`` has found."""


@dataclass(frozen=True)
class Run:
    """The files of a run."""

    folder: Path

    @property
    def model(self) -> Path:
        """The model file with the weights that are kept, written when the training has ended."""
        return self.folder / "model.safetensors"

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.folder / "checkpoints"

    @property
    def best(self) -> Path:
        """The state with the best scores so far, if anybody validates."""
        return self.checkpoints / "best.ckpt"

    @property
    def last(self) -> Path:
        """The state to resume from."""
        return self.checkpoints / "last.ckpt"

    @property
    def logs(self) -> Path:
        """The folder of TensorBoard's logs."""
        return self.folder / "logs"

    @property
    def failures(self) -> Path:
        """The folder of the patches on which the loss was lost."""
        return self.folder / "not-finite"

    @property
    def settings(self) -> Path:
        """The settings, as YAML."""
        return self.folder / "settings.yaml"

    @property
    def split(self) -> Path:
        """Which case trained and which validated."""
        return self.folder / "split.csv"

    @property
    def summary(self) -> Path:
        """Versions, timings and scores."""
        return self.folder / "run.json"

    def check(
        self,
        settings: TrainingSettings,
        scheme: ClassScheme,
        init: str | Path | None,
        resume: bool,
        overwrite: bool,
    ) -> None:
        """Make sure that the folder may be written, before any work is done.

        Raises:
            InputError: There is a run already and neither ``resume`` nor ``overwrite`` is asked
                for; or nothing to resume; or it was made with other settings or classes.
        """
        if resume and overwrite:
            raise InputError("--resume goes on with a run and --overwrite replaces it: give one")
        if resume:
            self._check_resumable(_recorded(settings, scheme, init))
        elif (self.folder / FOLDS).exists():
            raise InputError(
                f"{self.folder}: there is a cross-validation, whose models another one beside them "
                "would hide; choose another --output"
            )
        elif not overwrite and any(one.exists() for one in (self.model, self.last, self.best)):
            raise InputError(
                f"{self.folder}: there is a training run already; go on with it by --resume, "
                "start anew with --overwrite, or choose another --output"
            )

    def begin(
        self,
        settings: TrainingSettings,
        scheme: ClassScheme,
        init: str | Path | None,
        resume: bool,
        batch: int,
    ) -> None:
        """Clear away an earlier run, unless it goes on, and record the settings.

        Args:
            settings: Of the run.
            scheme: The classes.
            init: The model that it starts from, if any.
            resume: Whether it goes on.
            batch: Patches of a step.
        """
        if not resume and self.settings.exists():  # what is there is a run's, and nobody else's
            for folder in (self.checkpoints, self.logs, self.failures):
                shutil.rmtree(folder, ignore_errors=True)
            for path in (self.model, self.summary, self.split, self.settings):
                path.unlink(missing_ok=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        recorded = {**_recorded(settings, scheme, init), COUNTED: batch}
        write_text(self.settings, yaml.safe_dump(recorded, sort_keys=False, allow_unicode=True))

    def batch(self) -> int | None:
        """Return how many patches a step of the run has had; None where that is not recorded."""
        found = self._before().get(COUNTED)
        return found if isinstance(found, int) and found > 0 else None

    def started_alike(self, init: str | Path | None) -> bool:
        """Say whether the run started from this model, or from none as asked for."""
        found = self._before().get(INIT)
        return bool(found == (None if init is None else open_model(init).fingerprint))

    def _before(self) -> dict[str, Any]:
        """Return the recorded settings.

        Raises:
            InputError: They cannot be read.
        """
        try:
            found = yaml.safe_load(self.settings.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise InputError(f"{self.settings}: cannot be read ({error})") from error
        if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
            raise InputError(f"{self.settings}: cannot be read (these are no settings)")
        return found

    def _check_resumable(self, wanted: dict[str, Any]) -> None:
        if not self.last.is_file():
            raise InputError(
                f"{self.folder}: nothing to resume, there is no checkpoints/{self.last.name} "
                "(it is written at every validation); the same command without --resume begins anew"
            )
        before = self._before()
        changed = sorted(
            name
            for name in {*wanted, *before} - FREE_ON_RESUME - {COUNTED}
            if wanted.get(name) != before.get(name)
        )
        for path in (self.last, self.best):
            if path.is_file():
                read_checkpoint(path)
        if changed:
            raise InputError(
                f"{self.folder}: was begun with other settings ({', '.join(changed)}); "
                "resume with the same ones, or start anew with --overwrite"
            )

    def check_split(self, cases: Sequence[Case], fingerprints: Mapping[str, str]) -> None:
        """Make sure that a run goes on with what it was begun with: slides, their roles, outlines.

        Args:
            cases: Those that take part now.
            fingerprints: Of their annotations, by the case's name.

        Raises:
            InputError: It would not: who has taught until now might validate, or the model would
                be said to have learned from other outlines than it has.
        """
        roles = self._roles()
        now = {case.slide.name: (case.patient, case.split) for case in cases}
        before = {name: (row["patient"], row["split"]) for name, row in roles.items()}
        if now != before:
            raise InputError(
                f"{self.split}: was begun with other slides, patients or splits; resume with the "
                "same ones, or start anew with --overwrite"
            )
        self._check_outlines(roles, cases, fingerprints)

    def check_outlines(self, cases: Sequence[Case], fingerprints: Mapping[str, str]) -> None:
        """Make sure that slides have the outlines that the run was begun with.

        Args:
            cases: The slides.
            fingerprints: Of their annotations, by the case's name.

        Raises:
            InputError: They have others.
        """
        self._check_outlines(self._roles(), cases, fingerprints)

    def _check_outlines(
        self,
        roles: Mapping[str, Mapping[str, str]],
        cases: Sequence[Case],
        fingerprints: Mapping[str, str],
    ) -> None:
        for case in cases:
            row, found = roles.get(case.slide.name, {}), _outlines(case, fingerprints)
            # What an earlier version did not record is taken to be as it was.
            if any(row.get(name, value) != value for name, value in found.items()):
                raise InputError(
                    f"{self.split}: was begun with other outlines of {case.name}, or with another "
                    "rule for holes (--even-odd-holes); resume with the same, or start anew with "
                    "--overwrite"
                )

    def _roles(self) -> dict[str, dict[str, str]]:
        """Return the lines of the split's table by the slide's name."""
        try:
            with self.split.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
                rows = list(csv.DictReader(file))
        except (OSError, ValueError, csv.Error) as error:
            raise InputError(f"{self.split}: cannot be read ({error})") from error
        if any(row.get(name) is None for row in rows for name in ("slide", "patient", "split")):
            raise InputError(f"{self.split}: cannot be read (a column is missing)")
        return {as_path(row["slide"]).name: row for row in rows}

    def write_split(self, cases: Sequence[Case], fingerprints: Mapping[str, str]) -> None:
        """Record which case trained and which validated, as a table that ``train`` reads."""
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["slide", "annotation", "patient", "split", "mpp", HOLES, SHA256])
        for case in cases:
            files = [_found_anywhere(file) for file in (case.slide, case.annotation)]
            known = (case.patient, case.split, case.mpp or "")
            writer.writerow([*files, *known, *_outlines(case, fingerprints).values()])
        write_text(self.split, table.getvalue())


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return a checkpoint, its tensors on the CPU and still in the file.

    Raises:
        InputError: It cannot be read.
    """
    try:
        found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch says it in many ways
        raise InputError(f"{path}: damaged; start anew with --overwrite") from error
    return found


def _found_anywhere(file: AnyPath | None) -> str:
    """Return where a file is, from whatever folder the table is read."""
    return str(file.absolute() if isinstance(file, Path) else file or "")


def _outlines(case: Case, fingerprints: Mapping[str, str]) -> dict[str, str]:
    """Return what tells the outlines of a case from others, by the table's columns."""
    holes = "even-odd" if case.even_odd_holes else ""
    return {HOLES: holes, SHA256: fingerprints.get(case.name, "")}


def _recorded(
    settings: TrainingSettings, scheme: ClassScheme, init: str | Path | None
) -> dict[str, Any]:
    started = {} if init is None else {INIT: open_model(init).fingerprint}
    return {**settings.model_dump(), "classes": scheme.to_dict(), **started}
