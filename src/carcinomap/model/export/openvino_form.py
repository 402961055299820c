"""OpenVINO's own files: as our engine executes them, with what they are in their metadata."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from carcinomap.model.conversion import converted
from carcinomap.model.export.forms import Run, Takes
from carcinomap.model.export.network import view_names
from carcinomap.model.quiet_openvino import CORE, openvino
from carcinomap.model.runtime import Views
from carcinomap.model.spec import Model


class OpenVinoForm:
    """Bytes of pixels, channels last, to probabilities."""

    beside = ".bin"

    def write(self, model: Model, path: Path) -> Takes:
        """See ``Form.write``."""
        network = CORE.read_model(*converted(model))
        for port, name in zip(network.inputs, view_names(model), strict=True):
            port.get_tensor().set_names({name})
        network.outputs[0].get_tensor().set_names({"probabilities"})
        for key, value in _metadata(model).items():
            network.set_rt_info(value, ["carcinomap", key])
        openvino.save_model(network, path, compress_to_fp16=False)
        return Takes.ANY_SIZE if network.is_dynamic() else Takes.ONE

    def open(self, path: Path) -> Run:
        """See ``Form.open``."""
        compiled = CORE.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

        def run(views: Views) -> NDArray[np.float32]:
            found: NDArray[np.float32] = compiled(list(views))[0]
            return found

        return run


def _metadata(model: Model) -> dict[str, str]:
    """Return what a user of the file has to know, as JSON where it is more than a number."""
    spec = model.spec
    return {
        "classes": json.dumps(spec.classes.names),
        "colours": json.dumps([tissue.colour for tissue in spec.classes.classes]),
        "mpp": str(spec.views[0].mpp),
        "views": json.dumps([{"mpp": view.mpp, "size": view.size} for view in spec.views]),
        "stride": str(spec.stride),
        "fingerprint": model.fingerprint,
        "version": spec.version,
    }
