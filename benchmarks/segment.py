"""Time and peak memory of ``carcinomap segment``, as a whole process.

python benchmarks/segment.py SLIDE MODEL [options of segment]
"""

import os
import subprocess
import sys
import tempfile
import time

from carcinomap import load_model, open_slide
from carcinomap.slide import find_tissue


def main():
    slide_path, model_path, *options = sys.argv[1:]
    mpp = load_model(model_path).spec.views[0].mpp
    with open_slide(slide_path) as slide:
        width, height = slide.size_at(mpp)
        tissue = find_tissue(slide).area_mm2 * 1e6 / mpp**2
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "carcinomap", "segment", slide_path, "--model", model_path]
        started = time.perf_counter()
        process = subprocess.Popen([*command, "--output", folder, *options])
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    print(f"map           {width} × {height} at {mpp:g} mpp, {tissue / 1e6:.1f} Mpx of tissue")
    print(f"exit code     {os.waitstatus_to_exitcode(status)}")
    print(f"wall          {seconds:.1f} s, {tissue / 1e6 / seconds:.2f} Mpx of tissue a second")
    print(f"CPU           {usage.ru_utime + usage.ru_stime:.1f} s")
    print(f"peak memory   {usage.ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
