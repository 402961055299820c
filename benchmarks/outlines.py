"""How long outlining a class map takes: tracing its blocks, joining them, writing GeoJSON.

    python benchmarks/outlines.py [MAP.ome.tif …]

Made maps of four classes, class 0 among them: `29 Mpx` has lesions as large as real ones;
`small regions` is 20,480² pixels full of them; `sponge` is as large, and one region with many
thousand holes runs through all its blocks. Then the maps that are given. Outlines may move by 2
pixels; regions smaller than 10 px² are left out in the large maps, 2,000 px² in the others. Each
map has a process of its own, for its peak of memory, which `map` says too before the tracing.
Seconds are processor time; `traced` is what the blocks take until they are joined.
"""

import resource
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import shapely
from scipy.ndimage import gaussian_filter

from carcinomap.annotation import ClassScheme
from carcinomap.annotation.joining import Grid
from carcinomap.segmentation.outlines.geojson import write_geojson
from carcinomap.segmentation.outlines.tracing import BLOCK, join, trace_block
from carcinomap.segmentation.results.classmap import ClassMap

HEAD = "{:15} {:>6} {:>8} {:>10} {:>8} {:>7} {:>7} {:>9} {:>8} {:>8} {:>8}"
ROW = "{:15} {:6.0f} {:8,} {:10,} {:8.2f} {:7.2f} {:7.2f} {:9.1f} {:8.1f} {:8.2f} {:8.2f}"
PERIOD = 2048
TOLERANCE = 2.0
MADE = {  # side, pixels over which noise is blurred, lead of class 3, smallest region
    "29 Mpx": (5400, 30, 0.0, 2000),
    "small regions": (20_480, 16, 0.0, 10),
    "sponge": (20_480, 16, 2.0, 10),
}


class Made:
    """Fields of blurred noise, repeated to any size; the largest of four says the class."""

    def __init__(self, side, blur, lead):
        self.width = self.height = side
        random = np.random.default_rng(0)
        best = np.full((PERIOD, PERIOD), -np.inf, np.float32)
        self.labels = np.zeros((PERIOD, PERIOD), np.uint8)
        for index in range(4):
            noise = random.normal(size=best.shape).astype(np.float32)
            field = gaussian_filter(noise, blur, mode="wrap")
            field = field / field.std() + lead * (index == 3)
            self.labels[field > best] = index
            np.maximum(best, field, out=best)

    def window(self, x, y, width, height):
        """Return a window as ``ClassMap`` does."""
        rows, columns = np.arange(y, y + height) % PERIOD, np.arange(x, x + width) % PERIOD
        return self.labels[np.ix_(rows, columns)]


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def measure(name, labels, min_area):
    grid, started = Grid(labels.width, labels.height, BLOCK), peak()
    blocks, tracing, mapped, corners = [], 0.0, 0, 0
    for row, column in grid:
        x, y, right, bottom = grid.box(row, column)
        window = labels.window(x, y, right - x, bottom - y)
        mapped += np.count_nonzero(window != 255)
        start = time.process_time()
        traced = trace_block(window, x, y, grid.width, grid.height, TOLERANCE)
        tracing += time.process_time() - start
        blocks.append((row, column, traced))

    def counted():
        nonlocal joining, corners
        regions = join(blocks, BLOCK, grid.width, grid.height, min_area)
        while True:
            start = time.process_time()
            region = next(regions, None)
            joining += time.process_time() - start
            if region is None:
                return
            corners += shapely.get_num_coordinates(region.polygon)
            yield region

    with tempfile.TemporaryDirectory() as folder:
        path, joining, start = Path(folder) / "map.geojson", 0.0, time.process_time()
        count = write_geojson(path, counted(), ClassScheme.default(), 2.0, 0.5)
        writing, size = time.process_time() - start - joining, path.stat().st_size
    spool = sum(len(traced) for _, _, traced in blocks)
    sizes = mapped / 1e6, count.total(), corners, tracing, joining, writing, spool / 1e6, size / 1e6
    print(ROW.format(name, *sizes, started, peak()), flush=True)


def measure_made(name):
    *shape, min_area = MADE[name]
    measure(name, Made(*shape), min_area)


def measure_file(path):
    with ClassMap.open(path) as labels:
        measure(Path(path).stem, labels, 2000)


def main():
    heads = "Mpx,regions,vertices,trace s,join s,write s,traced MB,file MB,map GB,peak GB"
    print(HEAD.format("", *heads.split(",")))
    for function, names in ((measure_made, MADE), (measure_file, sys.argv[1:])):
        for name in names:
            process = get_context("spawn").Process(target=function, args=(name,))
            process.start()
            process.join()


if __name__ == "__main__":
    main()
