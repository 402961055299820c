"""OpenVINO, which reports to nobody that it is used.

It does so over the network unless an optional part of it is missing. Who works on patients'
slides has not agreed to that. Whoever needs OpenVINO takes it from here.
"""

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402

__all__ = ["openvino"]

# One for the whole process. On Linux each core's CPU plugin gives the thread that loads it a stack
# for signals, and puts back the one before when it goes. Where cores went in the order they came,
# or in another thread, that one would be freed memory, and the next Ctrl-C a crash.
CORE = openvino.Core()
