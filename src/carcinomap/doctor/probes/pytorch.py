"""PyTorch and the GPUs that it sees."""

import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from carcinomap.doctor.line import Check, Line, gigabytes, reinstall, why

if TYPE_CHECKING:
    import torch

NVIDIA_KERNEL = Path("/proc/driver/nvidia")
HIDING = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
FEATURES = ("avx2", "avx512_f", "avx512_bf16", "amx_bf16")
BUILDS = "install the build of PyTorch for this GPU, as pytorch.org tells under 'Get started'"


def _pytorch() -> Iterator[Line]:
    import torch  # noqa: PLC0415 - may end the process

    _convolve(torch.device("cpu"))
    build = build_of(torch.version.cuda, torch.version.hip)
    said = f"{torch.__version__} computes, with {torch.get_num_threads()} threads; {build}"
    facts = {"version": torch.__version__, "cuda": torch.version.cuda, "hip": torch.version.hip}
    yield Line("PyTorch", "ok", said, facts=facts)


def build_of(cuda: str | None, hip: str | None) -> str:
    """Name what PyTorch was built for."""
    if cuda:
        return f"built for CUDA {cuda}"
    return f"built for ROCm {hip}" if hip else "built for the CPU alone"


def _convolve(device: "torch.device") -> None:
    """Convolve ones on a device.

    Raises:
        Exception: Whatever PyTorch raises, or the result is wrong.
    """
    import torch  # noqa: PLC0415 - may end the process

    image, kernel = (torch.ones(1, 1, side, side, device=device) for side in (8, 3))
    result = torch.nn.functional.conv2d(image, kernel).cpu()
    if not bool((result == 9).all()):
        raise ValueError(f"a convolution of ones gives {result.flatten().tolist()}, not 9")


def _precision() -> Iterator[Line]:
    import torch  # noqa: PLC0415 - may end the process

    # PyTorch before 2.9 cannot tell.
    able: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    has = [name.replace("_", " ") for name in FEATURES if able.get(name)]
    half = any("bf16" in name for name in has)
    said = "bfloat16" if half else "full precision: this processor computes no bfloat16"
    told = f"{said} ({', '.join(has)})" if has else said
    yield Line("training on the CPU", "ok", told, facts={"features": has})


def _gpus() -> Iterator[Line]:
    import torch  # noqa: PLC0415 - may end the process

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not count:
        said = " ".join(str(one.message) for one in caught)
        yield why_no_gpu(torch.version.cuda, torch.version.hip, said)
        return
    for number in range(count):
        yield _gpu(number)
    if count == 1:
        said = "segment and train use it"
    else:
        said = f"segment maps {count} slides at once, train takes one, or --devices {count}"
    yield Line("GPUs", "ok", said, facts={"count": count})


def _gpu(number: int) -> Line:
    """Say what a GPU is, and whether it computes."""
    import torch  # noqa: PLC0415 - may end the process

    name = f"GPU cuda:{number}"
    known = torch.cuda.get_device_properties(number)
    said = f"{known.name}, compute capability {known.major}.{known.minor}"
    facts = {"name": known.name, "memory": known.total_memory}
    try:
        free, _ = torch.cuda.mem_get_info(number)
        _convolve(torch.device("cuda", number))
    except Exception as error:  # of the driver, in whichever way
        return Line(name, "broken", f"{said}; {why(error)}", f"{BUILDS}; or --device cpu", facts)
    said += f", {gigabytes(free)} of {gigabytes(known.total_memory)} free"
    return Line(name, "ok", said, facts=facts)


def why_no_gpu(cuda: str | None, hip: str | None, warned: str) -> Line:
    """Say why PyTorch sees no GPU.

    Args:
        cuda: Version of CUDA that it was built for.
        hip: Version of ROCm that it was built for.
        warned: What it said when it was asked.
    """
    from carcinomap.model.opening import AMD_DRIVER, nvidia_driver  # noqa: PLC0415 - OpenCV

    nvidia, amd = nvidia_driver(), AMD_DRIVER.exists()
    if not nvidia and not amd:
        return _no_driver()
    name = "NVIDIA" if nvidia else "AMD"
    hiding = next((one for one in HIDING if os.environ.get(one, "0") in ("", "-1")), None)
    if hiding:
        said = f"hidden: {hiding} is {os.environ[hiding]!r}"
        return Line("GPU", "note", said, f"unset {hiding}, or let it name a GPU")
    if not (cuda if nvidia else hip):
        said = f"a driver of {name} is here, but PyTorch is {build_of(cuda, hip)}"
        return Line("GPU", "note", said, BUILDS)
    said = f"a driver of {name} is here, but PyTorch sees no GPU. {shorten(warned, 200)}"
    advice = "see whether nvidia-smi or rocm-smi lists it; an old driver needs an update"
    return Line("GPU", "note", said.strip(), advice)


def _no_driver() -> Line:
    if NVIDIA_KERNEL.exists():
        said = "the machine has a driver of NVIDIA, but this container does not see it"
        return Line("GPU", "note", said, "docker run --gpus all …, apptainer exec --nv …")
    said = "none, and no driver of one: segment and train use the CPU"
    return Line("GPU", "absent", said, "if there is one in the machine, install its driver")


CHECKS = (
    Check("PyTorch", _pytorch, reinstall("torch")),
    Check("training on the CPU", _precision, reinstall("torch"), needed=False),
    Check("GPU", _gpus, f"{BUILDS}; or --device cpu"),
)
