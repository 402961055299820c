"""How fast slides are read: carcinomap, its peers, and the decoder alone, side by side in one run.

    python benchmarks/reading.py [SLIDE...] [--windows 64] [--repeats 5] [--json FILE]

Without a slide, a JPEG-tiled one is drawn. Windows of 512² pixels, in rows side by side
(sequential) and anywhere (random, none twice), at the slide's own mpp and at twice it, by one
thread and by two. All read the coarsest level that is fine enough, peers reduce it with OpenCV's
INTER_AREA, and the decoder decodes the tiles that each window touches and does nothing else. Every
measurement starts with a fresh handle and its reader's own cache (carcinomap and OpenSlide 32 MB
of pixels, the others none), readers take turns, and the best of the repeats counts.

A file NAME_windows.json beside the slide names the rectangles that hold real pixels; windows then
come from there. Peers that are not installed are left out, with a line.
"""

# ruff: noqa: D102, PLC0415 (methods of one line; peers that may not be there)

import argparse
import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import tifffile

from carcinomap.slide import open_slide

SIDE = 512
CASES = [
    (order, factor, threads)
    for factor in (1, 2)
    for order in ("sequential", "random")
    for threads in (1, 2)
]


class Carcinomap:
    """``Slide.read``."""

    def __init__(self, path):
        self.slide = open_slide(path, 0.25)

    def read(self, x, y, factor):
        return self.slide.read(x, y, SIDE, SIDE, 0.25 * factor)


class Peer:
    """Reads a level and reduces."""

    def read(self, x, y, factor):
        level = level_for(self.handle.level_downsamples, factor)
        side = round(SIDE * factor / self.handle.level_downsamples[level])
        pixels = np.asarray(self.region(x, y, level, side))[:, :, :3]
        return cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


class OpenSlide(Peer):
    """openslide-python."""

    def __init__(self, path):
        import openslide

        self.handle = openslide.OpenSlide(path)

    def region(self, x, y, level, side):
        return self.handle.read_region((x, y), level, (side, side))


class TiffSlide(Peer):
    """tiffslide."""

    def __init__(self, path):
        import tiffslide

        self.handle = tiffslide.TiffSlide(path)

    def region(self, x, y, level, side):
        return self.handle.read_region((x, y), level, (side, side), as_array=True)


class FastSlide(Peer):
    """fastslide, which counts in the level's own pixels."""

    def __init__(self, path):
        import fastslide

        self.handle = fastslide.FastSlide.from_file_path(str(path))

    def region(self, x, y, level, side):
        corner = self.handle.convert_level0_to_level_native(x, y, level)
        return self.handle.read_region(corner, level, (side, side)).numpy()


class Decoder:
    """imagecodecs on the tiles of a level."""

    def __init__(self, path):
        with tifffile.TiffFile(path) as tiff:
            self.levels = [Tiles(page) for page in tiff.pages if page.is_tiled]
        self.file = path.read_bytes()

    def read(self, x, y, factor):
        width = self.levels[0].width
        downsamples = [width / level.width for level in self.levels]
        level = level_for(downsamples, factor)
        scale = downsamples[level]
        self.levels[level].decode(self.file, int(x / scale), int(y / scale), SIDE * factor / scale)


class Tiles:
    """Where the tiles of a page are, and what decodes them."""

    def __init__(self, page):
        self.width = page.imagewidth
        self.tile = page.tilewidth, page.tilelength
        self.columns = -(-page.imagewidth // page.tilewidth)
        self.places = list(zip(page.dataoffsets, page.databytecounts, strict=True))
        self.jpeg = page.compression == 7
        space = "YCBCR" if page.photometric == 6 else "RGB"
        self.options = {"tables": page.jpegtables, "colorspace": space, "outcolorspace": "RGB"}

    def decode(self, file, x, y, side):
        (wide, high), side = self.tile, round(side)
        for row in range(y // high, -(-(y + side) // high)):
            for column in range(x // wide, -(-(x + side) // wide)):
                offset, count = self.places[row * self.columns + column]
                data = file[offset : offset + count]
                if self.jpeg:
                    imagecodecs.jpeg8_decode(data, **self.options)
                else:
                    imagecodecs.jpeg2k_decode(data)


def level_for(downsamples, factor):
    """Return the coarsest level that is at least as fine as the factor asks, within 1 %."""
    return max(i for i, downsample in enumerate(downsamples) if downsample <= factor * 1.01)


READERS = {
    "decoder alone": Decoder,
    "carcinomap": Carcinomap,
    "openslide": OpenSlide,
    "tiffslide": TiffSlide,
    "fastslide": FastSlide,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("slides", nargs="*", type=Path)
    parser.add_argument("--windows", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for path in options.slides or [drawn(Path(folder))]:
            results[path.name] = rates = measure(path, options.windows, options.repeats)
            table(path, rates)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


def drawn(folder):
    """Return a slide of 12,288² pixels: a drawn one, nine times."""
    from carcinomap.demo.aperio import write_svs
    from carcinomap.demo.generator import draw_slide

    image, _ = draw_slide(1, (4096, 4096), 0.5)
    write_svs(folder / "drawn.svs", np.tile(image, (3, 3, 1)), 0.5)
    return folder / "drawn.svs"


def measure(path, count, repeats):
    """Return level-0 Mpx per second of every reader in every case."""
    readers = {}
    for name, reader in READERS.items():
        try:
            reader(path).read(0, 0, 1)
            readers[name] = reader
        except ImportError as error:
            print(f"{name} is left out: {error}")
    rates = {name: {} for name in readers}
    for order, factor, threads in CASES:
        windows = corners(path, SIDE * factor, order, count)
        megapixels = len(windows) * (SIDE * factor) ** 2 / 1e6
        best = dict.fromkeys(readers, float("inf"))
        for _ in range(repeats):
            for name, reader in readers.items():
                best[name] = min(best[name], timed(reader(path), windows, factor, threads))
        for name, seconds in best.items():
            rates[name][f"{order} ×{factor} {threads}t"] = megapixels / seconds
    return rates


def corners(path, side, order, count):
    """Return level-0 corners of windows inside the rectangles that hold pixels."""
    places = path.with_name(f"{path.stem}_windows.json")
    if places.is_file():
        rectangles = [
            [r["x"], r["y"], r["width"], r["height"]] for r in json.loads(places.read_text())
        ]
    else:
        with open_slide(path, 0.25) as slide:
            rectangles = [[0, 0, slide.width, slide.height]]
    random = np.random.default_rng(side)
    if order == "random":
        chosen = random.choice(len(rectangles), count)
        return [
            tuple(int(v) for v in (x + random.integers(w - side), y + random.integers(h - side)))
            for x, y, w, h in (rectangles[i] for i in chosen)
        ]
    inside = [
        (x + column * side, y + row * side)
        for x, y, w, h in rectangles
        for row in range(h // side)
        for column in range(w // side)
    ]
    return inside[:count]


def timed(reader, windows, factor, threads):
    started = time.perf_counter()
    if threads == 1:
        for x, y in windows:
            reader.read(x, y, factor)
    else:
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(lambda corner: reader.read(*corner, factor), windows):
                pass
    return time.perf_counter() - started


def table(path, rates):
    peers = [name for name in rates if name not in ("decoder alone", "carcinomap")]
    print(f"\n{path.name}, level-0 Mpx/s")
    print(f"{'':20}" + "".join(f"{name:>15}" for name in rates) + "   / OpenSlide  / best peer")
    for case in next(iter(rates.values())):
        ours = rates["carcinomap"][case]
        line = "".join(f"{rates[name][case]:15.1f}" for name in rates)
        others = [rates[name][case] for name in peers]
        ratios = [ours / rates["openslide"][case], ours / max(others)]
        print(f"{case:20}{line}" + "".join(f"{ratio:13.2f}" for ratio in ratios))


if __name__ == "__main__":
    main()
