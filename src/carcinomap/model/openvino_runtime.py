"""OpenVINO executes a model on the CPU, in full precision."""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from carcinomap.errors import CarcinomapError
from carcinomap.granted import usable_threads
from carcinomap.model.conversion_cache import cached_conversion
from carcinomap.model.onnx_graph import for_pixels
from carcinomap.model.quiet_openvino import CORE, openvino
from carcinomap.model.runtime import Views
from carcinomap.model.spec import Model
from carcinomap.model.stored import OnnxModel
from carcinomap.model.views import Shapes, check_views

PREPARED = 2  # shapes; each takes as much memory as the activations of its batches


class OpenVinoRuntime:
    """A ``Runtime`` on the CPU; the same input gives the same bytes, whatever the threads.

    Every batch is computed by one thread, as many batches at a time as there are threads. Where
    several share a batch, OpenVINO orders sums by their number, and nobody waits for the slowest.
    The price is memory, for each thread the activations of a batch.

    The network is compiled once, for tiles of any size, or for each shape of a batch where its
    graph is made for one.

    Args:
        model: The model; it is looked at again when a batch of another shape comes.
        threads: Threads to compute with; by default one for each core, as far as there is memory.
        members: Runtimes that share the threads because they compute at the same time.
    """

    batch_pixels = 0

    def __init__(self, model: Model, threads: int | None = None, members: int = 1) -> None:
        self._model = model
        self.classes = model.spec.classes
        self.views = model.spec.views
        self.stride = model.spec.stride
        self.side = model.side if isinstance(model, OnnxModel) else None
        self.at_once = math.ceil((threads or usable_threads()) / members)
        self._settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": self.at_once,
            "NUM_STREAMS": self.at_once,
            # A thread that shares its core with a reader must be free to move.
            "ENABLE_CPU_PINNING": False,
        }
        self._compiled: dict[Shapes, openvino.CompiledModel] = {}

    @property
    def any_size(self) -> bool:
        """Whether the network was compiled for tiles of any size.

        Raises:
            InputError: The model's file is not usable.
            CarcinomapError: The network cannot be prepared.
        """
        return self._of_any_size is not None

    @cached_property
    def _of_any_size(self) -> openvino.CompiledModel | None:
        if isinstance(self._model, OnnxModel):
            return None  # a lab's own network promises nothing
        if len(self.views) > 1:
            return None  # see ``any_size``
        network = CORE.read_model(*cached_conversion(self._model))
        return self._compile(network) if network.is_dynamic() else None

    def run(self, batches: Iterable[Views]) -> Iterator[NDArray[np.float32]]:
        """See ``Runtime.run``.

        Raises:
            CarcinomapError: The network cannot be prepared for a batch of this shape.
        """
        pending: deque[openvino.InferRequest] = deque()
        try:
            for views in batches:
                check_views(views, self._model.spec)
                pending.append(self._start(views))
                if len(pending) > self.at_once:
                    yield _result(pending.popleft())
            while pending:
                yield _result(pending.popleft())
        finally:
            # Whatever ended the loop: nothing goes on computing behind the caller's back.
            for request in pending:
                request.wait()

    def _start(self, views: Views) -> openvino.InferRequest:
        compiled = self._of_any_size or self._of_shapes(tuple(view.shape for view in views))
        request = compiled.create_infer_request()
        request.start_async(list(views))
        return request

    def _of_shapes(self, shapes: Shapes) -> openvino.CompiledModel:
        if shapes not in self._compiled:
            if isinstance(self._model, OnnxModel):
                network = for_pixels(self._model, shapes)
            else:
                network = CORE.read_model(*cached_conversion(self._model, shapes))
            while len(self._compiled) >= PREPARED:
                self._compiled.pop(next(iter(self._compiled)))
            self._compiled[shapes] = self._compile(network)
        return self._compiled[shapes]

    def _compile(self, network: openvino.Model) -> openvino.CompiledModel:
        try:
            return CORE.compile_model(network, "CPU", self._settings)
        except RuntimeError as error:
            raise CarcinomapError(
                f"OpenVINO cannot prepare the network {self._model.spec.architecture} ({error})"
            ) from error


def _result(request: openvino.InferRequest) -> NDArray[np.float32]:
    request.wait()
    result: NDArray[np.float32] = request.get_output_tensor().data
    return result
