"""ONNX, with the description beside it from which carcinomap itself uses it."""

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from carcinomap.errors import CarcinomapError
from carcinomap.files import write_text
from carcinomap.model.export.forms import Run, Takes
from carcinomap.model.export.network import FromPixels, blank_views, view_names
from carcinomap.model.export.sizes import written
from carcinomap.model.onnx_model import SUFFIX, load_onnx
from carcinomap.model.opening import open_runtime
from carcinomap.model.runtime import Views
from carcinomap.model.spec import Model

OPSET = 14  # the oldest with all that networks with attention need: older readers know it


class OnnxForm:
    """Float pixels of 0 to 255, channels first, to probabilities."""

    beside = SUFFIX

    def write(self, model: Model, path: Path) -> Takes:
        """See ``Form.write``."""
        if find_spec("onnx") is None:
            raise CarcinomapError(
                "to export for ONNX, the package onnx is needed: pip install 'carcinomap[export]'"
            )
        _describe(model, path.with_suffix(SUFFIX))
        wanted = (Takes.ANY_SIZE, Takes.ANY_NUMBER)
        return written(
            lambda takes: _export(model, path, takes), lambda: self.open(path), model, wanted
        )

    def open(self, path: Path) -> Run:
        """See ``Form.open``."""
        runtime = open_runtime(load_onnx(path), "cpu")

        def run(views: Views) -> NDArray[np.float32]:
            (found,) = runtime.run([views])
            return found

        return run


def _export(model: Model, path: Path, takes: Takes) -> None:
    names = view_names(model)
    axes = {name: _axes(name, takes) for name in names}
    axes["probabilities"] = axes[names[0]]
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            FromPixels(model),
            blank_views(model),
            path,
            # The other exporter needs more packages, and newer programs to read its files.
            dynamo=False,
            opset_version=OPSET,
            input_names=names,
            output_names=["probabilities"],
            dynamic_axes=axes,
        )


def _axes(name: str, takes: Takes) -> dict[int, str]:
    """Return the names of the axes of an input that may have any length."""
    number = {} if takes is Takes.ONE else {0: "n"}
    sides = {2: f"height_{name}", 3: f"width_{name}"}
    return {**number, **(sides if takes is Takes.ANY_SIZE else {})}


def _describe(model: Model, path: Path) -> None:
    """Write what ``load_onnx`` reads: the network's own preprocessing is inside of it."""
    spec = model.spec
    description: dict[str, Any] = {
        **spec.classes.to_dict(),
        "views": [{"mpp": view.mpp, "size": view.size} for view in spec.views],
        "stride": spec.stride,
        "mean": [0.0, 0.0, 0.0],
        "std": [1 / 255, 1 / 255, 1 / 255],
        "output": "probabilities",
        "channels": "rgb",
    }
    origin = f"# The {spec.architecture} {model.fingerprint} of carcinomap {spec.version}.\n"
    write_text(path, origin + yaml.safe_dump(description, sort_keys=False, allow_unicode=True))
