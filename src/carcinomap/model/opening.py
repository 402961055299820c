"""Which runtime executes a model on this machine."""

import ctypes
import sys
from pathlib import Path

from carcinomap.errors import InputError
from carcinomap.granted import allotted
from carcinomap.model.runtime import Runtime
from carcinomap.model.spec import Model
from carcinomap.model.stored import OnnxModel

NVIDIA_DRIVERS = ("libcuda.so.1", "nvcuda.dll")
AMD_DRIVER = Path("/dev/kfd")


def open_runtime(
    model: Model, device: str = "auto", threads: int | None = None, members: int = 1
) -> Runtime:
    """Choose what executes a model: PyTorch on a GPU, OpenVINO on the CPU.

    Args:
        model: The model; it stays as it is.
        device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:1``.
        threads: Threads to compute with on the CPU; by default as many as ``OMP_NUM_THREADS``
            says, which clusters set to what they have given, and else one for each core.
        members: Models of an ensemble, this one among them, that share the threads.

    Raises:
        InputError: There is no such device, or not for this model.
    """
    threads = threads or allotted()
    if isinstance(model, OnnxModel):
        if device not in ("auto", "cpu"):
            raise InputError(
                f"device {device}: {model.path.name} is an ONNX network, and those run on the "
                "CPU alone; use 'cpu' or 'auto'"
            )
        device = "cpu"
    if device == "auto":
        device = "cuda" if gpu_count() else "cpu"
    if device != "cpu":
        # Imported here, since on the CPU nobody should wait for PyTorch.
        from carcinomap.model.torch_runtime import TorchRuntime, cuda_device  # noqa: PLC0415

        return TorchRuntime(model, cuda_device(device))
    try:
        from carcinomap.model.openvino_runtime import OpenVinoRuntime  # noqa: PLC0415
    except ImportError:  # not made for every kind of machine
        import torch  # noqa: PLC0415

        from carcinomap.model.torch_runtime import TorchRuntime  # noqa: PLC0415

        return TorchRuntime(model, torch.device("cpu"), threads)
    return OpenVinoRuntime(model, threads, members)


def gpu_count() -> int:
    """Return how many GPUs PyTorch has; it is not even asked on a machine without any driver."""
    if "torch" not in sys.modules and not AMD_DRIVER.exists() and not nvidia_driver():
        return 0
    import torch  # noqa: PLC0415

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def nvidia_driver() -> bool:
    """Return whether a driver of NVIDIA can be loaded."""
    for name in NVIDIA_DRIVERS:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False
