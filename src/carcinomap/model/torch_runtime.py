"""PyTorch executes a model: on a GPU, or on a CPU that OpenVINO does not support."""

import re
from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from carcinomap.errors import InputError
from carcinomap.model.probabilities import Probabilities, check_views
from carcinomap.model.runtime import Views
from carcinomap.model.spec import Model


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

    On a GPU in mixed precision, one batch ahead of the caller: its copies and its arithmetic
    go on while the caller has the result before it. On the CPU in full precision.

    Args:
        model: The model; it is copied.
        device: The device.
        threads: Threads on the CPU, for the whole process; PyTorch's own choice by default.
    """

    def __init__(self, model: Model, device: torch.device, threads: int | None = None) -> None:
        self._spec = model.spec
        self.classes = model.spec.classes
        self.views = model.spec.views
        self.stride = model.spec.stride
        self._device = device
        self._cuda = device.type == "cuda"
        if threads is not None:
            torch.set_num_threads(threads)
        self._module = Probabilities(model).to(memory_format=torch.channels_last).to(device)

    def run(self, batches: Iterable[Views]) -> Iterator[NDArray[np.float32]]:
        """See ``Runtime.run``."""
        ahead = 1 if self._cuda else 0
        pending: deque[tuple[Tensor, torch.cuda.Event | None]] = deque()
        for views in batches:
            check_views(views, self._spec)
            pending.append(self._start(views))
            if len(pending) > ahead:
                yield _result(*pending.popleft())
        while pending:
            yield _result(*pending.popleft())

    @torch.inference_mode()
    def _start(self, views: Views) -> tuple[Tensor, torch.cuda.Event | None]:
        """Queue a batch on the device; the event, if any, says when the result is there."""
        inputs = [torch.from_numpy(view) for view in views]
        if not self._cuda:
            return self._module(*inputs), None
        with torch.cuda.device(self._device), torch.autocast("cuda", _half_precision()):
            inputs = [view.pin_memory().to(self._device, non_blocking=True) for view in inputs]
            output = self._module(*inputs)
            # Pinned, or the copy would wait for the arithmetic.
            result = torch.empty(output.shape, dtype=output.dtype, pin_memory=True)
            result.copy_(output, non_blocking=True)
            done = torch.cuda.current_stream().record_event()
        return result, done


def _result(tensor: Tensor, done: torch.cuda.Event | None) -> NDArray[np.float32]:
    if done is not None:
        done.synchronize()
    result: NDArray[np.float32] = tensor.contiguous().numpy()
    return result


def _half_precision() -> torch.dtype:
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
