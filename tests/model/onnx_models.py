"""Small ONNX networks with their descriptions, as another lab would bring them."""

import json
from pathlib import Path

import numpy as np
import yaml
from onnx import TensorProto, helper, numpy_helper

CLASSES = [
    {"name": "stroma", "color": "#b3b3b3"},
    {"name": "tumour", "color": "#d55e00", "aliases": ["cancer"]},
]
DESCRIPTION = {
    "classes": CLASSES,
    "mpp": 0.5,
    "stride": 8,
    "mean": [0.5, 0.4, 0.3],
    "std": [0.2, 0.3, 0.4],
    "output": "logits",
}
ANY = ("n", 3, "height", "width")
WEIGHTS = np.random.default_rng(5).normal(size=(2, 3, 1, 1)).astype(np.float32)


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def onnx_bytes(nodes, inputs, outputs, tensors=()):
    """Return an ONNX file of a graph."""
    graph = helper.make_graph(nodes, "network", inputs, outputs, list(tensors))
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def convolution(shape=ANY, weights=WEIGHTS, views=1):
    """Return a network that weighs the channels of each pixel, added over the views."""
    tensor = weights
    if isinstance(weights, np.ndarray):
        tensor = numpy_helper.from_array(weights, "weights")
    names = [f"view{number}" for number in range(views)]
    nodes = [helper.make_node("Conv", [name, "weights"], [f"{name}-scores"]) for name in names]
    nodes.append(helper.make_node("Sum", [f"{name}-scores" for name in names], ["scores"]))
    inputs = [value(name, shape) for name in names]
    out = (shape[0], tensor.dims[0], *shape[2:])
    return onnx_bytes(nodes, inputs, [value("scores", out)], [tensor])


def write_onnx(folder: Path, content=None, name="net", **changes) -> Path:
    """Write a network and its description; a change to None leaves that key out."""
    path = folder / f"{name}.onnx"
    path.write_bytes(convolution() if content is None else content)
    described = {**DESCRIPTION, **changes}
    described = {key: entry for key, entry in described.items() if entry is not None}
    plain = json.loads(json.dumps(described))  # or equal objects would become YAML references
    path.with_suffix(".yaml").write_text(yaml.safe_dump(plain))
    return path
