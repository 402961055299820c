"""Memory of 100,000 small reads, of one slide by four threads.

    python benchmarks/leak.py SLIDE [--reads 100000]

Windows of 64² pixels anywhere, at four resolutions; prints the resident memory ten times.
"""

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from carcinomap.slide import open_slide

SIDE = 64


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("slide", type=Path)
    parser.add_argument("--reads", type=int, default=100_000)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    with open_slide(options.slide, 0.25) as slide, ThreadPoolExecutor(4) as pool:

        def read(window):
            x, y, factor = window
            return slide.read(x, y, SIDE, SIDE, 0.25 * factor).shape

        print("  reads  resident MB")
        for part in range(10):
            count = options.reads // 10
            corners = random.random((count, 2)) * (slide.width - SIDE, slide.height - SIDE)
            factors = random.choice((1, 1.3, 2, 4), count)
            for _ in pool.map(read, np.column_stack((corners, factors)).tolist()):
                pass
            print(f"{(part + 1) * count:7} {resident():12.1f}", flush=True)


def resident():
    """Return the process's resident memory in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


if __name__ == "__main__":
    main()
