"""The model or models that map slides: opened once in a process, whatever it maps."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from carcinomap.errors import InputError

if TYPE_CHECKING:
    from carcinomap.model import Model, Runtime

RUN_MODEL = "model.safetensors"
"""The model in the folder of a training run."""


class CannotBeginError(InputError):
    """No slide can be mapped, whichever it is: the models, or the device, are not to be used."""


class Executor(Protocol):
    """Has what executes models, here and now.

    Attributes:
        files: What it opens.
    """

    @property
    def files(self) -> tuple[Path, ...]:
        """See the class."""

    def open(self) -> "tuple[Runtime, list[Model]]":
        """Return the runtime and what it executes.

        Raises:
            CannotBeginError: They cannot be opened, or do not fit together.
        """


@dataclass(frozen=True)
class Opened:
    """What is open already."""

    runtime: "Runtime"
    models: "list[Model]"
    files: tuple[Path, ...] = ()

    def open(self) -> "tuple[Runtime, list[Model]]":
        """See ``Executor``."""
        return self.runtime, self.models


@dataclass(frozen=True)
class ModelFiles:
    """Model files that any process can open, and keeps open for its next slide.

    Attributes:
        files: The files; the probabilities of several are averaged.
        device: As for ``segment``.
        threads: As for ``segment``.
    """

    files: tuple[Path, ...]
    device: str
    threads: int | None

    def models(self) -> "list[Model]":
        """Return the models, with nothing that executes them.

        Raises:
            InputError: A file is not to be used.
        """
        from carcinomap.model import open_model  # noqa: PLC0415 - takes a second

        return [open_model(file) for file in self.files]

    def open(self) -> "tuple[Runtime, list[Model]]":
        """See ``Executor``."""
        try:
            return _kept(self)
        except InputError as error:
            raise CannotBeginError(str(error)) from error


@lru_cache(maxsize=1)
def _kept(models: ModelFiles) -> "tuple[Runtime, list[Model]]":
    return open_models(models.files, models.device, models.threads)


def open_models(
    model: str | Path | Sequence[str | Path], device: str, threads: int | None
) -> "tuple[Runtime, list[Model]]":
    """Return what executes a model, or the average of several, and what is executed.

    Raises:
        InputError: See ``segment``.
    """
    from carcinomap.model import open_model, open_runtime  # noqa: PLC0415 - takes a second
    from carcinomap.model.ensemble import Ensemble  # noqa: PLC0415

    models = [open_model(file) for file in model_files(model)]
    runtimes = [open_runtime(loaded, device, threads, len(models)) for loaded in models]
    return (runtimes[0] if len(runtimes) == 1 else Ensemble(runtimes)), models


def model_files(model: str | Path | Sequence[str | Path]) -> tuple[Path, ...]:
    """Return model files as they are; of a run's folder the model, or those of all its folds.

    Raises:
        InputError: There is no model in a folder, or not yet in one of its folds.
    """
    paths = [model] if isinstance(model, str | Path) else model
    return tuple(file for path in paths for file in _files_of(Path(path)))


def fold_folders(path: Path) -> list[Path]:
    """Return the folders ``fold-1``, ``fold-2``, … of a cross-validation; none where it is none."""
    return sorted(one for one in path.glob("fold-*") if re.fullmatch(r"fold-\d+", one.name))


def _files_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    runs = [path] if (path / RUN_MODEL).is_file() else fold_folders(path)
    if not runs:
        raise InputError(
            f"{path}: no model in this folder, neither {RUN_MODEL} nor fold-*/{RUN_MODEL}; "
            "has the training ended?"
        )
    files = [run / RUN_MODEL for run in runs]
    for file in files:
        if not file.is_file():
            raise InputError(
                f"{file.parent}: this fold has no {RUN_MODEL} yet; finish the training with "
                "--resume, or name the files of the models to use"
            )
    return files
