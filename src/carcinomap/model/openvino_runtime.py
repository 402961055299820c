"""OpenVINO executes a model on the CPU, in full precision."""

import signal
import sys
import threading
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

import numpy as np
import torch
from numpy.typing import NDArray

from carcinomap.model.probabilities import Probabilities, check_views
from carcinomap.model.runtime import Views
from carcinomap.model.spec import Model

# OpenVINO reports its use over the network unless this optional part of it is missing. Who
# works on patients' slides has not agreed to that.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder  # noqa: E402

Shapes = tuple[tuple[int, ...], ...]


class OpenVinoRuntime:
    """A ``Runtime`` on the CPU; the same input gives the same bytes, whatever the threads.

    The network is compiled for the shape of the first batch, and again for any other shape.

    Args:
        model: The model; it is copied.
        threads: Threads to compute with; one for each core by default.
        streams: Batches computed at the same time. More than one is no faster where a batch
            keeps all threads busy, and each has activations of its own in memory.
    """

    def __init__(self, model: Model, threads: int | None = None, streams: int = 1) -> None:
        self._spec = model.spec
        self.classes = model.spec.classes
        self.views = model.spec.views
        self.stride = model.spec.stride
        self._module = Probabilities(model)
        self._core = openvino.Core()
        self._settings: dict[str, str | int] = {
            "INFERENCE_PRECISION_HINT": "f32",
            "NUM_STREAMS": streams,
        }
        if threads is not None:
            self._settings["INFERENCE_NUM_THREADS"] = threads
        self._ahead = streams
        self._compiled: dict[Shapes, openvino.CompiledModel] = {}

    def run(self, batches: Iterable[Views]) -> Iterator[NDArray[np.float32]]:
        """See ``Runtime.run``."""
        pending: deque[openvino.InferRequest] = deque()
        try:
            for views in batches:
                check_views(views, self._spec)
                pending.append(self._start(views))
                if len(pending) > self._ahead:
                    yield _result(pending.popleft())
            while pending:
                yield _result(pending.popleft())
        finally:
            # Whatever ended the loop: nothing goes on computing behind the caller's back.
            for request in pending:
                request.wait()

    def _start(self, views: Views) -> openvino.InferRequest:
        shapes = tuple(view.shape for view in views)
        if shapes not in self._compiled:
            self._compiled[shapes] = self._compile(shapes)
        request = self._compiled[shapes].create_infer_request()
        request.start_async(list(views))
        return request

    def _compile(self, shapes: Shapes) -> openvino.CompiledModel:
        """Convert and compile the network for views of fixed shapes.

        Traced at just these shapes, since many networks turn sizes into constants; not traced
        twice for comparison, which would take four times as long.
        """
        example = tuple(torch.zeros(shape, dtype=torch.uint8) for shape in shapes)
        with torch.no_grad(), warnings.catch_warnings(), _interrupts_held():
            warnings.simplefilter("ignore")  # that sizes become constants
            traced = TorchScriptPythonDecoder(
                self._module, example_input=example, trace_kwargs={"check_trace": False}
            )
            converted = openvino.convert_model(traced, example_input=example)
        converted.reshape(
            {
                port: openvino.PartialShape(list(shape))
                for port, shape in zip(converted.inputs, shapes, strict=True)
            }
        )
        return self._core.compile_model(converted, "CPU", self._settings)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let Ctrl-C wait until the block is done.

    The conversion calls Python from C++, which takes the exception for a failure of the
    network, or crashes.
    """
    if threading.current_thread() is not threading.main_thread():  # no signal arrives there
        yield
        return
    held: list[tuple[int, FrameType | None]] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: held.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held and callable(before):
        before(*held[0])


def _result(request: openvino.InferRequest) -> NDArray[np.float32]:
    request.wait()
    result: NDArray[np.float32] = request.get_output_tensor().data
    return result
