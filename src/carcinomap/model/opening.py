"""Which runtime executes a model on this machine."""

from carcinomap.model.runtime import Runtime
from carcinomap.model.spec import Model


def open_runtime(model: Model, device: str = "auto", threads: int | None = None) -> Runtime:
    """Choose what executes a model: PyTorch on a GPU, OpenVINO on the CPU.

    Args:
        model: The model; it is copied.
        device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:1``.
        threads: Threads to compute with on the CPU; one for each core by default.

    Raises:
        InputError: There is no such device.
    """
    # Imported here, since who only names the type of a runtime need not wait for PyTorch.
    import torch  # noqa: PLC0415

    from carcinomap.model.torch_runtime import TorchRuntime, cuda_device  # noqa: PLC0415

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cpu":
        return TorchRuntime(model, cuda_device(device))
    try:
        from carcinomap.model.openvino_runtime import OpenVinoRuntime  # noqa: PLC0415
    except ImportError:  # not made for every kind of machine
        return TorchRuntime(model, torch.device("cpu"), threads)
    return OpenVinoRuntime(model, threads)
