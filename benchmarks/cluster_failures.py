"""Forty slides with a corrupt one, one that takes too much memory and one without a pixel size."""

import csv
import sys
import tempfile
from pathlib import Path

import numpy as np
import tifffile

from carcinomap.cluster import RayCluster
from carcinomap.progress import set_quiet
from carcinomap.segmentation import SegmentationSettings, segment
from carcinomap.work import OwnProcesses
from cluster_machines import model_of, slides_of
from measured import table

GIANT = 9984  # side of a slide that is one tile: 300 MB for each thread that decodes it


def add_arguments(parser):
    parser.add_argument("--slides", type=int, default=40)
    parser.add_argument("--side", type=int, default=2048, help="of each slide, pixels")
    parser.add_argument("--memory-gb", type=float, default=0.8)
    parser.add_argument("--ray", action="store_true", help="on Ray, not in processes of its own")


def show(options):
    set_quiet(True)
    model = model_of(options.cache)
    limit = round(options.memory_gb * 1e9)
    backend = (
        RayCluster("local", cpus=1, gpus=0, memory_bytes=limit)
        if options.ray
        else OwnProcesses(1, limit)
    )
    settings = SegmentationSettings(tile=512, overlap=64, readers=8)
    with tempfile.TemporaryDirectory(dir=options.cache) as folder:
        bad = _bad_slides(Path(folder))
        slides = [*slides_of(options.cache, options.slides - len(bad), options.side), *bad]
        output = Path(folder) / "maps"
        result = segment(slides, model, output, settings, device="cpu", threads=1, backend=backend)
        with (output / "failures.csv").open(newline="", encoding="utf-8") as file:
            failures = list(csv.DictReader(file))
    print(f"{len(slides)} slides, {len(result.done)} results, {len(failures)} failures.\n")
    table(["slide", "reason"], [[one["name"], _short(one["reason"])] for one in failures])
    named = {one["name"] for one in failures}
    if named != {slide.stem for slide in bad} or len(result.done) != len(slides) - len(bad):
        sys.exit("these are not the slides that had to fail")


def _bad_slides(folder):
    corrupt, greedy, unsized = (folder / f"{name}.tif" for name in ("corrupt", "greedy", "unsized"))
    random = np.random.default_rng(1)
    small = random.integers(150, 220, (512, 512, 3), np.uint8)
    small[..., 1] //= 2
    per_cm = {"resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER"}
    options = {"photometric": "rgb", "compression": "jpeg", "tile": (256, 256)}
    tifffile.imwrite(corrupt, small, **options, **per_cm)
    content = corrupt.read_bytes()
    corrupt.write_bytes(content[: len(content) // 2])
    tifffile.imwrite(unsized, small, **options)
    giant = np.tile(small, (GIANT // 512 + 1, GIANT // 512 + 1, 1))[:GIANT, :GIANT]
    tifffile.imwrite(greedy, giant, **{**options, "tile": (GIANT, GIANT)}, **per_cm)
    return [corrupt, greedy, unsized]


def _short(reason):
    return reason if len(reason) < 160 else f"{reason[:160]} …"
