"""Patches per second: what feeds a training against the bare decoder, side by side in one run.

    python benchmarks/training.py COHORT... [--classes FILE] [--patches 200] [--repeats 5]

The feed is what a training waits for: keys are drawn, images read, labels drawn, both turned,
put into batches, and handed over by the loader's workers. The bare decoder reads the windows of
the same keys with ``Slide.read``, in as many processes (the loader's own where it has no
workers), and throws them away. Every process has one thread. The two take turns after a pass
that does not count, and the best of the repeats does. Labels that are no class of the scheme are
ignored.
"""

# ruff: noqa: D102 (methods of one line)

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import chain
from pathlib import Path

import cv2
import torch
from torch.utils.data import DataLoader

from carcinomap import ClassScheme, read_cohort
from carcinomap.cohort import PatchSampler, PatchSource, Sampling, SlideStore
from carcinomap.slide import View
from carcinomap.training.dataset import PatchDataset
from measured import table

BATCH = 8
WORKERS = (0, 1, 2)
VIEW = View(1.0, 256)


class Batches:
    """The batches of the first steps, drawn anew in every pass as a training draws them."""

    def __init__(self, sampler, count):
        self._sampler = sampler
        self._count = count

    def __len__(self):
        return self._count

    def __iter__(self):
        return (self._sampler.batch(step, BATCH) for step in range(self._count))


class Feed:
    """The loader of a training."""

    def __init__(self, dataset, batches, workers):
        self._loader = DataLoader(
            dataset, batch_sampler=batches, num_workers=workers, persistent_workers=workers > 0
        )

    def read(self):
        for _ in self._loader:
            pass


class Bare:
    """``Slide.read`` alone."""

    def __init__(self, cases, batches, workers):
        global _slides  # noqa: PLW0603 - each process that is started has its own
        _slides = SlideStore(cases)
        keys = list(batches)
        apart = max(1, workers)
        self._shares = [list(chain(*keys[first::apart])) for first in range(apart)]
        self._pool = ProcessPoolExecutor(workers) if workers else None

    def read(self):
        list((self._pool.map if self._pool else map)(_read, self._shares))


_slides = None


def _read(keys):
    for key in keys:
        VIEW.read(_slides[key.case], key.x, key.y, key.scale)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cohorts", nargs="+")
    parser.add_argument("--classes")
    parser.add_argument("--patches", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    scheme = ClassScheme.default()
    if options.classes:
        scheme = ClassScheme.from_yaml(options.classes)
    rows = []
    for cohort in options.cohorts:
        rows += measure(cohort, replace(scheme, unknown="ignore"), options)
    table(("cohort", "workers", "feed, patches/s", "bare decoder", "feed / bare"), rows)


def measure(path, scheme, options):
    """Return a row for each number of workers."""
    cases = [case for case in read_cohort(path).cases if case.annotation]
    sources = [PatchSource.of(number, case, scheme) for number, case in enumerate(cases)]
    sampler = PatchSampler(sources, scheme, VIEW, 0, Sampling(scale_jitter=0.2))
    batches = Batches(sampler, -(-options.patches // BATCH))
    dataset = PatchDataset(cases, sources, scheme, [VIEW], teaching=True)
    rows = []
    for workers in WORKERS:
        readers = [Feed(dataset, batches, workers), Bare(cases, batches, workers)]
        best = [float("inf")] * 2
        for turn in range(options.repeats + 1):
            for number, reader in enumerate(readers):
                started = time.perf_counter()
                reader.read()
                if turn:
                    best[number] = min(best[number], time.perf_counter() - started)
        feed, bare = (len(batches) * BATCH / seconds for seconds in best)
        rows.append((Path(path).stem, workers, f"{feed:.0f}", f"{bare:.0f}", f"{feed / bare:.2f}"))
    return rows


if __name__ == "__main__":
    main()
