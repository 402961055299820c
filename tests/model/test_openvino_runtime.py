import subprocess
import sys
from pathlib import Path

INTERRUPTED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it would be ignored
sys.path.insert(0, {tests!r})
import numpy as np
from small_models import small_model
from carcinomap.model.openvino_runtime import OpenVinoRuntime

model = small_model()
runtimes = [OpenVinoRuntime(model, 1) for _ in range(2)]
for runtime in runtimes:
    list(runtime.run([(np.zeros((1, 64, 64, 3), np.uint8),)]))
del runtime
while runtimes:
    runtimes.pop(0)
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_is_no_crash_after_several_runtimes():
    """In a process of its own, since a crash is the end of it."""
    script = INTERRUPTED.format(tests=str(Path(__file__).parent))
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    assert (done.returncode, done.stdout) == (0, "interrupted\n")
