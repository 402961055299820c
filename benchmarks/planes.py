"""What probabilities cost as OME-Zarr: time, bytes and files per megapixel of map, and to read.

    python benchmarks/planes.py MODEL SLIDE [--x 5568 --y 7032] [--repeats 5]

A region of 4,096 × 1,024 pixels of the map (level-0 corner x, y) is segmented, and its
probabilities are written, cell by cell in one thread, in three ways: by carcinomap, by the zarr
library in the same chunks and compressor, and by it with a file for each channel. To read means
every channel's plane of every cell on its own, as viewers ask for them, through zarr in all cases.
Times are of the processor, the best of the repeats, and without the network.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numcodecs
import numpy as np
import zarr

from carcinomap.model import load_model, open_runtime
from carcinomap.segmentation.mapping.plan import CELL
from carcinomap.segmentation.results.ngff import CODEC, LEVEL, SHUFFLE_BITS
from carcinomap.segmentation.results.planes import Channel, Planes
from carcinomap.slide import open_slide

WIDTH, HEIGHT, TILE = 4096, 1024, 1024
MEGAPIXELS = WIDTH * HEIGHT / 1e6
MAPPED = np.ones((CELL, CELL), bool)


def probabilities(model, slide, x, y):
    """Return float32 (classes, HEIGHT, WIDTH); tiles side by side, without overlap."""
    runtime = open_runtime(load_model(model), "cpu")
    mpp = runtime.views[0].mpp
    with open_slide(slide) as opened:
        step = TILE * mpp / opened.mpp
        tiles = [(opened.read(x + i * step, y, TILE, TILE, mpp)[None],) for i in range(4)]
    return np.concatenate([one[0] for one in runtime.run(tiles)], axis=2)


def windows():
    for y in range(0, HEIGHT, CELL):
        for x in range(0, WIDTH, CELL):
            yield slice(y, y + CELL), slice(x, x + CELL)


def by_carcinomap(folder, values):
    channels = [Channel(str(i), "#ffffff") for i in range(len(values))]
    planes = Planes.create(folder, WIDTH, HEIGHT, 1.0, channels, "x")
    for rows, columns in windows():
        cell = values[:, rows, columns]
        planes.write(rows.start // CELL, columns.start // CELL, cell, MAPPED)


def by_zarr(channels_in_chunk):
    def write(folder, values):
        array = zarr.create_array(
            folder,
            name="0",
            shape=values.shape,
            chunks=(channels_in_chunk or len(values), CELL, CELL),
            dtype=np.uint8,
            zarr_format=2,
            compressors=numcodecs.Blosc(CODEC, LEVEL, SHUFFLE_BITS),
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )
        for rows, columns in windows():
            array[:, rows, columns] = np.rint(values[:, rows, columns] * 255).astype(np.uint8)

    return write


def read(folder, _):
    array = zarr.open_array(folder / "0", mode="r")
    for rows, columns in windows():
        for channel in range(array.shape[0]):
            array[channel, rows, columns]


def timed(function, folder, values):
    begin = time.process_time()
    function(folder, values)
    return (time.process_time() - begin) / MEGAPIXELS * 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("slide", type=Path)
    parser.add_argument("--x", type=float, default=5568)
    parser.add_argument("--y", type=float, default=7032)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    values = probabilities(options.model, options.slide, options.x, options.y)
    ways = {
        "carcinomap": by_carcinomap,
        "zarr, same chunks": by_zarr(None),
        "zarr, chunks of a channel": by_zarr(1),
    }
    print(f"{len(values)} classes          ms/Mpx to write, to read   kB/Mpx   files/Mpx")
    rows = {name: [] for name in ways}
    for _ in range(options.repeats):
        for name, write in ways.items():
            with tempfile.TemporaryDirectory() as folder:
                times = [timed(one, Path(folder), values) for one in (write, read)]
                files = [file for file in Path(folder, "0").rglob("[0-9]*") if file.is_file()]
                size = sum(file.stat().st_size for file in files) / 1000
                rows[name].append([*times, size / MEGAPIXELS, len(files) / MEGAPIXELS])
    for name, figures in rows.items():
        write_ms, read_ms, size, count = np.min(figures, axis=0)
        print(f"{name:26} {write_ms:14.0f} {read_ms:9.0f} {size:8.0f} {count:11.0f}")


if __name__ == "__main__":
    main()
