"""A network on a GPU, fed and emptied while it computes.

Three queues of the device work at the same time: one uploads a batch, one computes the batch
before it, one downloads the result of the one before that. Memory that the device can reach by
itself ("pinned") is slow to come by, so each batch on its way has buffers, which are used again.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from carcinomap.model.runtime import Views

Shapes = tuple[tuple[int, ...], ...]
Compute = Callable[[Sequence[Tensor]], Tensor]


class CudaNetwork:
    """Starts batches on a GPU, in half precision.

    Args:
        module: On the device; uint8 views (n, h, w, 3) → probabilities (n, classes, h, w).
        classes: Number of classes.
        device: The GPU.
    """

    def __init__(self, module: nn.Module, classes: int, device: torch.device) -> None:
        self._module = module
        self._classes = classes
        self._device = device
        with torch.cuda.device(device):
            # Some older GPUs pretend to know bfloat16, and are slow at it.
            known = torch.cuda.is_bf16_supported(including_emulation=False)
            self._precision = torch.bfloat16 if known else torch.float16
            self._upload, self._compute, self._download = (
                torch.cuda.Stream()  # type: ignore[no-untyped-call]
                for _ in range(3)
            )
        self._begin()

    def _begin(self) -> None:
        self._prepared: dict[Shapes, Compute] = {}
        self._idle: dict[Shapes, list[_Buffers]] = {}
        self._pool = torch.cuda.graph_pool_handle()

    @torch.inference_mode()
    def start(self, views: Views) -> Callable[[], NDArray[np.float32]]:
        """Queue a batch; what is returned waits for the result and returns it.

        Raises:
            torch.OutOfMemoryError: The batch does not fit.
        """
        shapes = tuple(view.shape for view in views)
        with torch.cuda.device(self._device):
            if shapes not in self._prepared:
                self._prepared[shapes] = self._prepare(shapes)
            idle = self._idle.setdefault(shapes, [])
            buffers = idle.pop() if idle else _Buffers(shapes, self._classes, self._device)
            for host, given in zip(buffers.host_views, views, strict=True):
                host.copy_(torch.from_numpy(given))
            with torch.cuda.stream(self._upload):
                for view, host in zip(buffers.views, buffers.host_views, strict=True):
                    view.copy_(host, non_blocking=True)
            self._compute.wait_stream(self._upload)
            with torch.cuda.stream(self._compute):
                buffers.result.copy_(self._prepared[shapes](buffers.views))
            self._download.wait_stream(self._compute)
            with torch.cuda.stream(self._download):
                buffers.host_result.copy_(buffers.result, non_blocking=True)
                done = self._download.record_event()

        def finish() -> NDArray[np.float32]:
            done.synchronize()
            # A copy, since the buffers are used again; and the caller's single precision.
            result: NDArray[np.float32] = buffers.host_result.float().numpy()
            idle.append(buffers)
            return result

        return finish

    def forget(self) -> None:
        """Free all memory that no batch under way needs."""
        torch.cuda.synchronize(self._device)
        self._begin()
        with torch.cuda.device(self._device):
            torch.cuda.empty_cache()

    def _prepare(self, shapes: Shapes) -> Compute:
        """Return what computes batches of fixed shapes, on the compute queue.

        A recorded graph is started at once, where the network's several hundred operations one
        by one cost the host more time than small batches cost the device. ``torch.compile``
        could also fuse operations, but needs a C compiler and minutes for every shape.
        """
        graph = torch.cuda.CUDAGraph()
        device = self._device
        # Around the recording too: one that fails leaves its queue as the current one.
        with torch.cuda.stream(self._compute):
            inputs = [torch.zeros(shape, dtype=torch.uint8, device=device) for shape in shapes]
            # Libraries take their workspaces at first use, which cannot be recorded.
            self._forward(inputs)
            try:
                with torch.cuda.graph(
                    graph,
                    # Graphs never run at the same time, so that they can use the same memory.
                    pool=self._pool,
                    stream=self._compute,
                    # What other threads do on the device is no part of the graph, nor a failure.
                    capture_error_mode="thread_local",
                ):
                    output = self._forward(inputs)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError:
                # A network that waits for its own values, or makes tensors on the host, cannot
                # be recorded.
                return self._forward

        def replay(views: Sequence[Tensor]) -> Tensor:
            for fixed, view in zip(inputs, views, strict=True):
                fixed.copy_(view)
            graph.replay()
            return output

        return replay

    def _forward(self, views: Sequence[Tensor]) -> Tensor:
        # Half precision holds all that arithmetic in half precision knows of a probability.
        with torch.autocast("cuda", self._precision):
            probabilities: Tensor = self._module(*views)
        return probabilities.half()


class _Buffers:
    """Memory of one batch, on the host and on the device.

    Attributes:
        host_views: uint8 (n, h, w, 3) for each view.
        views: The same on the device.
        result: float16 (n, classes, h, w) on the device.
        host_result: The same on the host.
    """

    def __init__(self, shapes: Shapes, classes: int, device: torch.device) -> None:
        n, height, width, _ = shapes[0]
        self.host_views = [torch.empty(s, dtype=torch.uint8, pin_memory=True) for s in shapes]
        self.views = [torch.empty_like(view, device=device) for view in self.host_views]
        result_shape = (n, classes, height, width)
        self.host_result = torch.empty(result_shape, dtype=torch.float16, pin_memory=True)
        self.result = torch.empty_like(self.host_result, device=device)
