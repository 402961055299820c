"""OpenVINO, which maps slides on the CPU."""

from collections.abc import Iterator

from carcinomap.doctor.line import Check, Line, reinstall

SIDE = 8


def _openvino() -> Iterator[Line]:
    import numpy as np  # noqa: PLC0415 - may end the process

    from carcinomap.model.quiet_openvino import CORE, openvino  # noqa: PLC0415

    ops = openvino.opset13
    image = ops.parameter([1, 1, SIDE, SIDE], np.float32)
    kernel = ops.constant(np.ones((1, 1, 3, 3), np.float32))
    middle = ops.convolution(image, kernel, [1, 1], [0, 0], [0, 0], [1, 1])
    network = CORE.compile_model(openvino.Model([middle], [image], "ones"), "CPU")
    result = network(np.ones((1, 1, SIDE, SIDE), np.float32))[0]
    if not np.allclose(result, 9):
        raise ValueError(f"a convolution of ones gives {result.min()} to {result.max()}, not 9")
    devices = list(CORE.available_devices)
    yield Line(
        "OpenVINO",
        "ok",
        f"{openvino.__version__.split('-')[0]} computes; devices: {', '.join(devices)}",
        facts={"version": openvino.__version__, "devices": devices},
    )
    yield Line("processor", "ok", str(CORE.get_property("CPU", "FULL_DEVICE_NAME")))


CHECKS = (Check("OpenVINO", _openvino, reinstall("openvino")),)
