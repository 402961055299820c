"""A lab's own network: an ONNX file, and beside it a small YAML file that says how to use it.

The network stays in its file, and OpenVINO executes it. What a model file knows about its network
an ONNX file does not: the classes, the resolution, what becomes of the pixels. ``NAME.yaml`` says
it for ``NAME.onnx``.
"""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError

from carcinomap.annotation import ClassScheme
from carcinomap.annotation.scheme_file import SchemeError, fields, read_yaml
from carcinomap.errors import InputError, existing_file
from carcinomap.model.spec import (
    LARGEST_VIEW,
    Deviations,
    Model,
    ModelSpec,
    Mpp,
    Preprocessing,
    Size,
    Stride,
    Triple,
    fingerprint,
)
from carcinomap.settings import Settings
from carcinomap.slide import View

if TYPE_CHECKING:
    from torch import nn

SUFFIX = ".yaml"
ANY_SIZE = 1024  # of a view, in pixels, where neither the description nor the network says one

_SCHEME_KEYS = {"classes", "ignore", "roi", "values", "unknown"}
_REQUIRED = {"classes", "stride", "mean", "std", "output"}
_OPTIONAL = (_SCHEME_KEYS - _REQUIRED) | {"mpp", "views", "channels"}


class OnnxModel(Model):
    """A model whose network is an ONNX file.

    Args:
        spec: What the description beside the file says.
        path: The file.
        side: The only height and width in pixels that it takes; None where it takes any.
    """

    path: Path
    side: int | None

    def __init__(self, spec: ModelSpec, path: Path, side: int | None = None) -> None:
        vars(self).update(spec=spec, path=path, side=side)

    @property
    def network(self) -> "nn.Module":
        """There is none for PyTorch.

        Raises:
            InputError: Always.
        """
        raise InputError(f"{self.path}: an ONNX network runs on the CPU alone; use --device cpu")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the description, the file, and the weights, wherever those are stored.

        Raises:
            InputError: The file cannot be read any more.
        """
        from carcinomap.model.onnx_graph import read_network, weights  # noqa: PLC0415

        network = weights(read_network(self.path))
        # Of the description only what it says counts, not which carcinomap reads it.
        return fingerprint(replace(self.spec, version=""), [("file", _bytes(self.path)), *network])


class _View(Settings):
    mpp: Mpp
    size: Size | None = None


class _Description(Settings):
    mpp: Mpp | None = None
    views: tuple[_View, ...] | None = Field(None, min_length=1)
    stride: Stride
    mean: Triple
    std: Deviations
    output: Literal["logits", "probabilities"]
    channels: Literal["rgb", "bgr"] = "rgb"


def load_onnx(path: str | Path) -> OnnxModel:
    """Open an ONNX network and the description beside it.

    Raises:
        InputError: One of the two files is missing or of no use, or they do not fit together; the
            message names the file and the reason.
    """
    path = existing_file(path, "model")
    beside = path.with_suffix(SUFFIX)
    if not beside.is_file():
        raise InputError(
            f"{beside}: missing; it has to describe {path.name}: its classes, its microns per "
            "pixel and what it expects of pixels (docs/models.md has an example)"
        )
    classes, description = _read(beside)
    views = description.views
    if (views is None) == (description.mpp is None):
        raise InputError(f"{beside}: either mpp or views has to be there, and not both")
    if views is None:
        views = (_View(mpp=description.mpp),)
    try:
        from carcinomap.model.onnx_graph import input_sides, read_network  # noqa: PLC0415
    except ImportError as error:
        raise InputError(f"{path}: an ONNX network needs OpenVINO, which is missing") from error
    sides = input_sides(read_network(path), path, len(views), len(classes))
    return OnnxModel(
        ModelSpec(
            architecture="onnx",
            kwargs={"output": description.output, "channels": description.channels},
            classes=classes,
            views=tuple(
                _sized(view, side, description.stride, path)
                for view, side in zip(views, sides, strict=True)
            ),
            stride=description.stride,
            preprocessing=Preprocessing(description.mean, description.std),
        ),
        path,
        sides[0],
    )


def _read(path: Path) -> tuple[ClassScheme, _Description]:
    value, line_of = read_yaml(path)
    try:
        known = fields(value, required=_REQUIRED, optional=_OPTIONAL)
        scheme = {key: known[key] for key in known.keys() & _SCHEME_KEYS}
        rest = {key: known[key] for key in known.keys() - _SCHEME_KEYS}
        return ClassScheme.from_dict(scheme), _Description.model_validate(rest)
    except SchemeError as fault:
        raise InputError(f"{path}, line {line_of(fault.place)}: {fault}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        line = line_of(first["loc"])
        raise InputError(f"{path}, line {line}: {place}: {first['msg']}") from None


def _sized(view: _View, side: int | None, stride: int, path: Path) -> View:
    """Return a view of a size that the network takes; ``side`` is the only one, if any."""
    if side and view.size and view.size != side:
        raise InputError(
            f"{path}: takes {side} × {side} pixels, where its description has views of {view.size}"
        )
    if side and side > LARGEST_VIEW:
        raise InputError(
            f"{path}: takes {side} × {side} pixels, where tiles have {LARGEST_VIEW} at most"
        )
    if side and side % stride:
        raise InputError(
            f"{path}: takes {side} × {side} pixels, which the stride of {stride} in its "
            "description does not divide"
        )
    return View(view.mpp, view.size or side or ANY_SIZE)


def _bytes(path: Path) -> Any:
    import numpy as np  # noqa: PLC0415

    return np.fromfile(path, np.uint8)
