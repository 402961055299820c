"""What a model is besides its weights, and that as JSON."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from carcinomap.annotation import ClassScheme
from carcinomap.errors import InputError
from carcinomap.files import escaped
from carcinomap.settings import Settings
from carcinomap.slide import View
from carcinomap.version import __version__

if TYPE_CHECKING:
    from torch import nn

FORMAT = 1
"""Version of the metadata; grows when an older carcinomap could not use a newer file."""

LARGEST_VIEW = 4096  # pixels across, as of a training's --patch; what is claimed is allocated

# What a description may say, that of a model file as well as that beside an ONNX network.
Mpp = Annotated[float, Field(gt=0, le=1e4)]
Size = Annotated[int, Field(ge=1, le=LARGEST_VIEW)]
Stride = Annotated[int, Field(ge=1, le=2**10)]
Triple = tuple[float, float, float]
_Positive = Annotated[float, Field(gt=0)]
Deviations = tuple[_Positive, _Positive, _Positive]


@dataclass(frozen=True)
class Preprocessing:
    """How a network wants its pixels: ``(pixel / 255 - mean) / std``, for red, green and blue."""

    mean: Triple
    std: Triple


@dataclass(frozen=True)
class ModelSpec:
    """All that is needed to build a network and to use it.

    Attributes:
        architecture: Name of the network (``carcinomap.model.architectures``).
        kwargs: What the architecture needs to be built again, such as its encoder.
        classes: What the channels of the output mean.
        views: What the network sees around a point; the first is at the map's mpp.
        stride: Height and width of every input are multiples of it, in pixels.
        preprocessing: How the network wants its pixels.
        training: Patients by split, settings and fingerprints of the data.
        scores: What the training measured.
        version: The carcinomap that made the model.
    """

    architecture: str
    kwargs: Mapping[str, Any]
    classes: ClassScheme
    views: tuple[View, ...]
    stride: int
    preprocessing: Preprocessing
    training: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)
    version: str = __version__

    def to_json(self) -> str:
        """Return the spec as JSON with sorted keys; equal specs give equal text."""
        value = {
            "format": FORMAT,
            "architecture": self.architecture,
            "kwargs": self.kwargs,
            "classes": self.classes.to_dict(),
            "views": [{"mpp": view.mpp, "size": view.size} for view in self.views],
            "stride": self.stride,
            "preprocessing": asdict(self.preprocessing),
            "training": self.training,
            "scores": self.scores,
            "version": self.version,
        }
        return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "ModelSpec":
        """Read what ``to_json`` wrote, trusting nothing.

        Raises:
            InputError: It is no such text; the message says what is wrong with it.
        """
        try:
            version = _Format.model_validate_json(text, strict=True).format
            if version != FORMAT:
                raise InputError(
                    f"model format {version}, where this carcinomap ({__version__}) knows "
                    f"{FORMAT}; update carcinomap"
                )
            read = _Metadata.model_validate_json(text, strict=True)
        except ValidationError as error:
            fault = error.errors()[0]
            place = ".".join(str(key) for key in fault["loc"])
            raise InputError(f"{place + ': ' if place else ''}{fault['msg']}") from None
        return cls(
            architecture=read.architecture,
            kwargs=read.kwargs,
            classes=ClassScheme.from_dict(read.classes),
            views=tuple(View(view.mpp, view.size) for view in read.views),
            stride=read.stride,
            preprocessing=Preprocessing(read.preprocessing.mean, read.preprocessing.std),
            training=read.training,
            scores=read.scores,
            version=read.version,
        )


@dataclass(frozen=True)
class Model:
    """A network with all that is needed to use it.

    Attributes:
        spec: What it is.
        network: Normalised float images (n, 3, h, w), one for each view, → logits
            (n, classes, h, w).
    """

    spec: ModelSpec
    network: "nn.Module"

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the spec and the weights: equal for models that do the same."""
        weights = sorted(self.network.state_dict().items())
        return fingerprint(
            self.spec,
            ((name, tensor.detach().cpu().contiguous().numpy()) for name, tensor in weights),
        )


def fingerprint(spec: ModelSpec, weights: Iterable[tuple[str, NDArray[Any]]]) -> str:
    """Return the SHA-256 of a spec and of weights in the order of their names."""
    digest = hashlib.sha256(spec.to_json().encode())
    for name, array in weights:
        digest.update(name.encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


class _Format(BaseModel):
    model_config = ConfigDict(extra="ignore")
    format: int


class _View(Settings):
    mpp: Mpp
    size: Size


class _Preprocessing(Settings):
    mean: Triple
    std: Deviations


class _Metadata(Settings):
    format: int
    architecture: str
    kwargs: dict[str, str | float]
    classes: dict[str, Any]
    views: tuple[_View, ...] = Field(min_length=1)
    stride: Stride
    preprocessing: _Preprocessing
    training: dict[str, Any]
    scores: dict[str, Any]
    version: str


def _plain(value: Any) -> Any:
    """Return ``value`` as JSON can hold it: a number that is not finite becomes null.

    What of the name of a file, or of a patient named after it, is no UTF-8 is escaped.
    """
    if isinstance(value, Mapping):
        return {escaped(str(key)): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
