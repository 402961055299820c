"""What ``Slide.read`` costs over OpenSlide alone, in the same run.

    python benchmarks/reading.py SLIDE

Source pixels per second of random 1,024² windows in the slide's tissue, one thread.
"""

import sys
import time

import numpy as np
import openslide

from carcinomap import find_tissue, open_slide

WINDOWS = 24
SIDE = 1024


def main():
    path = sys.argv[1]
    bare = openslide.OpenSlide(path)
    with open_slide(path) as slide:
        rows, columns = np.nonzero(find_tissue(slide).mask)
        random = np.random.default_rng(0)
        places = random.choice(len(rows), WINDOWS, replace=False)
        cell = 8.0 / slide.mpp
        # On the grid of every level: between its pixels OpenSlide interpolates, and is slower.
        corners = [tuple(int(at[i] * cell) // 16 * 16 for at in (columns, rows)) for i in places]
        print("mpp    source Mpx/s: OpenSlide  Slide.read")
        for factor in (1, 1.07, 2, 4, 6):
            mpp = slide.mpp * factor
            level = max(i for i, lv in enumerate(slide.levels) if lv.downsample <= factor * 1.01)
            side = round(SIDE * factor / slide.levels[level].downsample)
            alone = timed(lambda c, n=side, lv=level: bare.read_region(c, lv, (n, n)), corners)
            ours = timed(lambda c, m=mpp: slide.read(*c, SIDE, SIDE, m), corners)
            rates = [side * side * WINDOWS / 1e6 / seconds for seconds in (alone, ours)]
            print(f"{mpp:5.3f}  {rates[0]:23.1f}  {rates[1]:10.1f}")


def timed(read, corners):
    for corner in corners:  # so that the disk has its share behind it
        read(corner)
    started = time.perf_counter()
    for corner in corners:
        read(corner)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
