"""From a model to the checked files of a format."""

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import shorten
from typing import Any

from carcinomap.errors import CarcinomapError, InputError
from carcinomap.files import atomic_path
from carcinomap.model.export.agreement import TOLERATED, Agreement, agreement
from carcinomap.model.export.forms import Form, Format, Takes
from carcinomap.model.export.onnx_form import OnnxForm
from carcinomap.model.export.openvino_form import OpenVinoForm
from carcinomap.model.export.torch_form import TorchForm
from carcinomap.model.runtime import Views
from carcinomap.model.spec import Model
from carcinomap.model.stored import OnnxModel

REASON_LETTERS = 300  # of what the libraries say, which can be pages

FORMS: dict[Format, Form] = {
    Format.ONNX: OnnxForm(),
    Format.OPENVINO: OpenVinoForm(),
    Format.TORCH: TorchForm(),
}


@dataclass(frozen=True)
class Exported:
    """What an export left.

    Attributes:
        files: The network's file, and that beside it if there is one.
        format: Their format.
        takes: Which batches the network takes.
        agreement: How far it and the model are apart.
    """

    files: tuple[Path, ...]
    format: Format
    takes: Takes
    agreement: Agreement

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "files": [str(file) for file in self.files],
            "format": str(self.format),
            "takes": str(self.takes),
            **self.agreement.to_dict(),
        }


def export_model(
    model: Model,
    path: str | Path,
    target: Format,
    patches: Sequence[Views],
    *,
    overwrite: bool = False,
) -> Exported:
    """Write a model in another format; it is kept only if it does what the model does.

    Args:
        model: The model.
        path: File to write; ends as the format's files do.
        target: The format.
        patches: What both are run on, each a batch of one.
        overwrite: Replace what is there.

    Raises:
        InputError: The model is no model file, or the path is of no use.
        CarcinomapError: The network cannot be exported, or not without changing what it does;
            nothing is left of it.
    """
    form = FORMS[target]
    finals = _files(form, Path(path))
    _check_paths(finals, target, overwrite)
    if isinstance(model, OnnxModel):
        raise InputError(f"{model.path}: is an ONNX network already; export a model file")
    with TemporaryDirectory(prefix="carcinomap-") as folder:
        made = _files(form, Path(folder, finals[0].name))
        takes, agreed = _made(target, model, made[0], patches)
        _keep(made, finals)
    return Exported(finals, target, takes, agreed)


def _files(form: Form, path: Path) -> tuple[Path, ...]:
    return (path, path.with_suffix(form.beside)) if form.beside else (path,)


def _check_paths(files: tuple[Path, ...], target: Format, overwrite: bool) -> None:
    if files[0].suffix != target.suffix:
        raise InputError(f"{files[0]}: the name of such a file ends in {target.suffix}")
    for file in files:
        if file.is_dir() or (file.exists() and not overwrite):
            raise InputError(f"{file}: exists already; give another --output, or --overwrite")


def _made(
    target: Format, model: Model, path: Path, patches: Sequence[Views]
) -> tuple[Takes, Agreement]:
    """Write the files into a folder that nobody sees, and check them."""
    name = f"the network {model.spec.architecture} {dict(model.spec.kwargs)}"
    try:
        takes = FORMS[target].write(model, path)
        agreed = agreement(FORMS[target].open(path), model, patches)
    except (CarcinomapError, OSError):
        raise
    except Exception as error:  # of any of the libraries, in the way of the network at hand
        reason = shorten(f"{type(error).__name__}: {error}", REASON_LETTERS)
        raise CarcinomapError(f"{name} cannot be exported for {target} ({reason})") from error
    if not agreed.good:
        raise CarcinomapError(
            f"{name}, exported for {target}, is not the same: its probabilities differ by up "
            f"to {agreed.largest_difference:.2g} (more than {TOLERATED:g}), and the class of "
            f"{agreed.differing_share:.2%} of the pixels; nothing was written"
        )
    return takes, agreed


def _keep(made: tuple[Path, ...], finals: tuple[Path, ...]) -> None:
    """Put all files where they belong, or none; the first of them comes last."""
    with ExitStack() as renamed:
        for source, final in zip(made, finals, strict=True):
            shutil.copyfile(source, renamed.enter_context(atomic_path(final)))
