"""How fast annotation files are read and written, and how much memory that takes.

    python benchmarks/annotations.py [--megabytes 20] [--vertices 2000] [--folder FOLDER]

For every format of outlines a file of about that size is made, each of its regions of so many
vertices, and read; each in a process of its own. Peak is the most memory that process ever held,
start what it held before, kept what the vertices take as numbers. NDPA is not written by
carcinomap, so that its file is put together here.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import shapely
from shapely import Polygon

from carcinomap.annotation import (
    Annotation,
    AnnotationSet,
    FileContext,
    SlideFrame,
    read_annotations,
    write_annotations,
)

FORMATS = {
    "ImageScope XML": ".xml",
    "ASAP XML": ".asap.xml",
    "NDPA": ".ndpa",
    "QuPath GeoJSON": ".geojson",
    "DSA JSON": ".json",
}
FRAME = SlideFrame(100_000, 100_000, 0.25, glass_offset_nm=(0.0, 0.0))
LABELS = ("benign", "in situ", "invasive")
TABLE = "{:15} {:>7} {:>9} {:>9} {:>11} {:>10} {:>9} {:>9} {:>9} {:>9}"
UNITS = ("format", "MB", "regions", "vertices", "write MB/s", "read MB/s", "µs/vertex")


def outlines(regions, vertices):
    random = np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    radii = 300 + 4 * np.sin(angles * max(3, vertices // 12))
    shape = np.column_stack((np.cos(angles), np.sin(angles))) * radii[:, None]
    for corner in random.uniform(1_000, 99_000, (regions, 2)):
        yield np.round((shape + corner) * 64) / 64


def write(path, regions, vertices):
    """Write a file; return the seconds that writing alone took."""
    if path.suffix == ".ndpa":
        with path.open("w") as file:
            file.write("<annotations>\n")
            for number, outline in enumerate(outlines(regions, vertices)):
                points = ((outline - 50_000) * 250).astype(int).tolist()
                file.write(
                    f'<ndpviewstate id="{number}">\n<title>{LABELS[number % 3]}</title>\n'
                    '<annotation type="freehand">\n<closed>1</closed>\n<pointlist>\n'
                )
                file.writelines(f"<point>\n<x>{x}</x>\n<y>{y}</y>\n</point>\n" for x, y in points)
                file.write("</pointlist>\n</annotation>\n</ndpviewstate>\n")
            file.write("</annotations>\n")
        return None
    drawn = AnnotationSet(
        tuple(
            Annotation(LABELS[number * 3 // regions], Polygon(outline))
            for number, outline in enumerate(outlines(regions, vertices))
        )
    )
    start = time.perf_counter()
    write_annotations(drawn, path, FileContext(FRAME))
    return time.perf_counter() - start


def held():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read(path):
    before = held()
    start = time.perf_counter()
    found = read_annotations(path, FileContext(FRAME)).annotations
    seconds = time.perf_counter() - start
    count = int(shapely.get_num_coordinates([one.geometry for one in found]).sum())
    return [len(found), count, seconds, held(), before]


def apart(*arguments):
    command = [sys.executable, __file__, "--apart", *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def row(name, path, megabytes, vertices):
    apart("write", path, 3, vertices)
    regions = max(3, round(3 * megabytes * 1e6 / path.stat().st_size))
    writing = apart("write", path, regions, vertices)
    size = path.stat().st_size / 1e6
    count, kept, seconds, peak, before = apart("read", path)
    return TABLE.format(
        *(name, f"{size:.1f}", f"{count:,}", f"{kept:,}"),
        f"{size / writing:.1f}" if writing else "–",
        *(f"{size / seconds:.1f}", f"{seconds / kept * 1e6:.2f}"),
        *(f"{megabytes:.0f}" for megabytes in (peak, before, kept * 16 / 1e6)),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=float, default=20)
    parser.add_argument("--vertices", type=int, default=2_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--apart", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.apart:
        what, path, *numbers = options.apart
        done = write(Path(path), *map(int, numbers)) if what == "write" else read(Path(path))
        print(json.dumps(done))
        return
    print(TABLE.format(*UNITS, "peak MB", "start MB", "kept MB"))
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for name, suffix in FORMATS.items():
            path = Path(folder) / f"made{suffix}"
            print(row(name, path, options.megabytes, options.vertices), flush=True)
            os.unlink(path)


if __name__ == "__main__":
    main()
