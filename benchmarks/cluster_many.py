"""Ten thousand tasks that each open a tiny slide: memory of the driver, throughput."""

import os
import sys
import tempfile
import time
from pathlib import Path

import psutil

from carcinomap.cluster import RayCluster
from carcinomap.demo import generate_cohort
from carcinomap.progress import progress, set_quiet
from carcinomap.slide import open_slide
from carcinomap.work import Task, run
from measured import table

SIDE = 1280


def add_arguments(parser):
    parser.add_argument("--slides", type=int, default=10_000)
    parser.add_argument("--every", type=int, default=1_000, help="slides between two looks")


def opened(path):
    """Open a slide and read a little of it, telling so."""
    with progress("opening", 1, "slides") as advance, open_slide(path) as slide:
        pixels = slide.read(slide.width / 2, slide.height / 2, 64, 64, slide.mpp)
        advance()
        return pixels.shape, slide.width


def show(options):
    set_quiet(True)
    with tempfile.TemporaryDirectory(dir=options.cache) as folder:
        (first, *_) = generate_cohort(Path(folder) / "one", 1, seed=1, size=(SIDE, SIDE))
        slides = [Path(folder) / f"slide-{number:05d}.svs" for number in range(options.slides)]
        for slide in slides:
            os.link(first, slide)
        tasks = [Task(slide.name, opened, (slide,)) for slide in slides]
        print(
            f"{options.slides:,} tasks on Ray, on this machine alone, one core each; each opens a "
            f"slide of {SIDE}² and reads 64² pixels. Counted from the first outcome.\n"
        )
        table(["slides", "memory of the driver, MB", "slides a second"], _rows(tasks, options))


def _rows(tasks, options):
    rows, process = [], psutil.Process()
    since = before = None
    for count, outcome in enumerate(run(tasks, RayCluster("local", cpus=1)), 1):
        if outcome.result != ((64, 64, 3), SIDE):
            sys.exit(f"{outcome.name}: {outcome.error or outcome.result}")
        if count == 1:
            since, before = time.perf_counter(), 1
        if count == 1 or count % options.every == 0:
            now = time.perf_counter()
            rate = f"{(count - before) / (now - since):.0f}" if count > 1 else ""
            rows.append([f"{count:,}", f"{process.memory_info().rss / 1e6:.0f}", rate])
            since, before = now, count
    return rows
