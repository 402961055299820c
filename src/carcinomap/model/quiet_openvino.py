"""OpenVINO, which reports to nobody that it is used.

It does so over the network unless an optional part of it is missing. Who works on patients'
slides has not agreed to that. Whoever needs OpenVINO takes it from here.
"""

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402

__all__ = ["openvino"]
