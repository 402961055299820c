"""The graph of an ONNX network, with what becomes of pixels before it and of scores behind it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from carcinomap.errors import InputError
from carcinomap.model.onnx_model import OnnxModel
from carcinomap.model.quiet_openvino import openvino
from carcinomap.model.views import Shapes


def read_network(path: Path) -> openvino.Model:
    """Read an ONNX file as OpenVINO's kind of graph.

    The file may name others that hold its weights, but none outside of its own folder.

    Raises:
        InputError: It is no ONNX file, or one that OpenVINO cannot execute, or weights are missing.
    """
    frontend = openvino.frontend.FrontEndManager().load_by_framework("onnx")
    try:
        return frontend.convert(frontend.load(str(path)))
    except Exception as error:  # its frontend has kinds of its own
        reason = _reason(error)
        raise InputError(f"{path}: not an ONNX network that can be used ({reason})") from error


def weights(network: openvino.Model) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield all constants of a network, in an order that is always the same."""
    for number, node in enumerate(network.get_ordered_ops()):
        if node.get_type_name() == "Constant":
            yield str(number), node.data


def input_sides(
    network: openvino.Model, path: Path, views: int, classes: int
) -> tuple[int | None, ...]:
    """Return the side of each input in pixels; None where it may have any.

    Raises:
        InputError: Inputs and output do not fit the description: so many views, so many classes.
    """
    if len(network.inputs) != views:
        raise InputError(
            f"{path}: has {len(network.inputs)} inputs, where its description has {views} views"
        )
    if len(network.outputs) != 1:
        raise InputError(
            f"{path}: has {len(network.outputs)} outputs; export it with its scores alone"
        )
    scores = network.outputs[0].partial_shape
    if not _fits(scores, (None, classes, None, None)):
        raise InputError(
            f"{path}: gives {scores}, where (n, {classes}, height, width) is expected, as its "
            f"description has {classes} classes"
        )
    return tuple(_side(port.partial_shape, path) for port in network.inputs)


def for_pixels(model: OnnxModel, shapes: Shapes) -> openvino.Model:
    """Return the graph from uint8 views (n, h, w, 3) to float32 probabilities (n, classes, h, w).

    Raises:
        InputError: The network does not take views of these shapes, or gives its scores at another
            size.
    """
    network, path = read_network(model.path), model.path
    wanted = {}
    for port, (count, height, width, _) in zip(network.inputs, shapes, strict=True):
        _check_fixed(port.partial_shape, count, height, width, path)
        wanted[port] = openvino.PartialShape([count, 3, height, width])
    count, height, width, _ = shapes[0]
    try:
        network.reshape(wanted)
    except RuntimeError as error:
        raise InputError(
            f"{path}: does not take tiles of {width} × {height} pixels ({_reason(error)}); "
            "try another --tile"
        ) from error
    scores = network.outputs[0].partial_shape
    if not _fits(scores, (count, len(model.spec.classes), height, width)) or scores.is_dynamic:
        raise InputError(
            f"{path}: gives {scores} for a tile of {width} × {height} pixels; export it with its "
            f"scores enlarged to the size of its input: "
            f"({count}, {len(model.spec.classes)}, {height}, {width})"
        )
    return _with_preprocessing(_with_softmax(network, model), model)


def _with_softmax(network: openvino.Model, model: OnnxModel) -> openvino.Model:
    scores = openvino.opset13.convert(network.outputs[0].get_node().input_value(0), "f32")
    if model.spec.kwargs["output"] == "logits":
        scores = openvino.opset13.softmax(scores, 1)
    return openvino.Model([scores], network.get_parameters(), "probabilities")


def _with_preprocessing(network: openvino.Model, model: OnnxModel) -> openvino.Model:
    preprocessing = model.spec.preprocessing
    processor = openvino.preprocess.PrePostProcessor(network)
    for number in range(len(network.inputs)):
        pixels = processor.input(number)
        pixels.tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
        pixels.model().set_layout(openvino.Layout("NCHW"))
        steps = pixels.preprocess().convert_element_type(openvino.Type.f32)
        steps.mean([255 * value for value in preprocessing.mean])
        steps.scale([255 * value for value in preprocessing.std])
        if model.spec.kwargs["channels"] == "bgr":
            steps.reverse_channels()
    return processor.build()


def _side(shape: openvino.PartialShape, path: Path) -> int | None:
    if not _fits(shape, (None, 3, None, None)):
        raise InputError(f"{path}: takes {shape}, where (n, 3, height, width) is expected")
    if shape.rank.is_dynamic:
        return None
    height, width = (
        dimension.get_length() if dimension.is_static else None for dimension in list(shape)[2:]
    )
    if height != width:
        raise InputError(
            f"{path}: takes {shape}, where tiles are square; export it for any height and width, "
            "or for a square"
        )
    return height


def _check_fixed(
    shape: openvino.PartialShape, count: int, height: int, width: int, path: Path
) -> None:
    if not _fits(shape, (None, None, height, width)):
        side = shape[2].get_length()
        raise InputError(
            f"{path}: takes tiles of {side} × {side} pixels alone, not {width} × {height}; "
            f"use --tile {side}"
        )
    if not _fits(shape, (count, None, None, None)):
        raise InputError(
            f"{path}: takes {shape[0].get_length()} tiles at a time, not {count}; use --batch "
            f"{shape[0].get_length()}"
        )


def _fits(shape: openvino.PartialShape, sizes: tuple[int | None, ...]) -> bool:
    """Return whether a shape can have these sizes; None is any."""
    return bool(shape.compatible(openvino.PartialShape([-1 if s is None else s for s in sizes])))


def _reason(error: Exception) -> str:
    """Return the last line of what OpenVINO says, which follows where in its sources it was."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
