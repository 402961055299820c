"""PyTorch executes a model: on a GPU, or on a CPU that OpenVINO does not support."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from carcinomap.errors import CarcinomapError, InputError
from carcinomap.model.cuda_network import CudaNetwork
from carcinomap.model.probabilities import Probabilities
from carcinomap.model.runtime import Views
from carcinomap.model.spec import Model
from carcinomap.model.views import check_views

GPU_BATCH_PIXELS = 4 * 1024**2
GPU_AHEAD = 2  # batches: one is uploaded and one computed while the one before is downloaded

Finish = Callable[[], NDArray[np.float32]]
"""Waits for a batch that was started, and returns its probabilities."""


def cuda_device(name: str) -> torch.device:
    """Return the GPU called ``cuda`` or ``cuda:1``.

    Raises:
        InputError: There is none, or the name is no device's.
    """
    if not re.fullmatch(r"cuda(:\d{1,3})?", name):
        raise InputError(f"device {name!r}: not 'auto', 'cpu', 'cuda' or 'cuda:1'")
    if not torch.cuda.is_available():
        raise InputError(f"device {name}: PyTorch sees no CUDA device here; use 'cpu' or 'auto'")
    device = torch.device(name)
    if (device.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"device {name}: there are only {torch.cuda.device_count()}, counted from cuda:0"
        )
    return device


class TorchRuntime:
    """A ``Runtime`` on a device of PyTorch.

    On a GPU in half precision and ahead of the caller, and in smaller parts where a batch does
    not fit into its memory. On the CPU in full precision.

    Args:
        model: The model; it is copied.
        device: The device.
        threads: Threads on the CPU, for the whole process; PyTorch's own choice by default.
    """

    at_once = 1

    def __init__(self, model: Model, device: torch.device, threads: int | None = None) -> None:
        self._spec = model.spec
        self.classes = model.spec.classes
        self.views = model.spec.views
        self.stride = model.spec.stride
        self.side: int | None = None
        if threads is not None:
            torch.set_num_threads(threads)
        module = Probabilities(model).to(memory_format=torch.channels_last).to(device)
        cuda = device.type == "cuda"
        self.batch_pixels = GPU_BATCH_PIXELS if cuda else 0
        self.any_size = not cuda
        self._ahead = GPU_AHEAD if cuda else 0
        self._network = (
            CudaNetwork(module, len(self.classes), device) if cuda else _CpuNetwork(module)
        )
        self._part: int | None = None  # tiles that fit at a time, where a batch did not

    def run(self, batches: Iterable[Views]) -> Iterator[NDArray[np.float32]]:
        """See ``Runtime.run``.

        Raises:
            CarcinomapError: A single tile does not fit into the device's memory.
        """
        pending: deque[list[Finish]] = deque()
        try:
            for views in batches:
                check_views(views, self._spec)
                pending.append(self._start(views))
                if len(pending) > self._ahead:
                    yield _whole(pending.popleft())
            while pending:
                yield _whole(pending.popleft())
        finally:
            # Whatever ended the loop: nothing goes on computing behind the caller's back.
            for parts in pending:
                _whole(parts)

    def _start(self, views: Views) -> list[Finish]:
        """Start a batch, in parts that fit; the size that fits is remembered."""
        count = len(views[0])
        while True:
            part = min(self._part or count, count)
            try:
                return [
                    self._network.start(tuple(view[i : i + part] for view in views))
                    for i in range(0, count, part)
                ]
            except torch.OutOfMemoryError:
                if part == 1:
                    height, width = views[0].shape[1:3]
                    raise CarcinomapError(
                        f"a tile of {width} × {height} pixels does not fit into the device's "
                        "memory; take a smaller --tile, or another --device"
                    ) from None
                self._part = (part + 1) // 2
            # Out of the handler, which would keep what the failed attempt had made.
            self._network.forget()


class _CpuNetwork:
    """Computes at once."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module

    @torch.inference_mode()
    def start(self, views: Views) -> Finish:
        probabilities = self._module(*(torch.from_numpy(view) for view in views))
        result: NDArray[np.float32] = probabilities.contiguous().numpy()
        return lambda: result

    def forget(self) -> None:
        """Nothing is kept."""


def _whole(parts: list[Finish]) -> NDArray[np.float32]:
    finished = [finish() for finish in parts]
    return finished[0] if len(finished) == 1 else np.concatenate(finished)
