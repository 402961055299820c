"""Slides, a model, and machines of one core, for ``cluster.py``."""

import hashlib
import os
import sys
import tempfile
from contextlib import contextmanager

import ray
from ray.cluster_utils import Cluster

from carcinomap.demo import generate_cohort
from measured import run

TRAINING = [
    *("--architecture", "unet", "--patch", "64", "--batch", "2", "--steps", "2"),
    *("--validation-patches", "4", "--no-pretrained", "--workers", "0"),
]
OF_A_RUN = {"run.json", "summary.csv", "index.html"}  # tell of times as well


def slides_of(cache, count, side):
    """Return generated slides, made where the folder does not have them yet."""
    folder = cache / f"slides-{count}-{side}"
    if not folder.exists():
        unfinished = folder.with_suffix(".partial")
        generate_cohort(unfinished, count, seed=1, size=(side, side))
        unfinished.rename(folder)
    return sorted(folder.glob("*.svs"))


def model_of(cache):
    """Return a U-Net that was trained for two steps, made likewise."""
    folder = cache / "model"
    model = folder / "model.safetensors"
    if not model.exists():
        slides = slides_of(cache, 4, 1280)[0].parent
        command = [sys.executable, "-m", "carcinomap", "train", slides, "--output", folder]
        run([*command, *TRAINING, "--overwrite"])
    return model


def digests(folder):
    """Return the digest of each file of all slides' results."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in OF_A_RUN
    }


@contextmanager
def machines():
    """Yield a cluster whose head has no cores to compute with; be connected with it."""
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as folder:
        os.environ["RAY_TMPDIR"] = folder
        head = {"num_cpus": 0, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()


def add_machine(cluster, number):
    """Add a machine of one core, which it shares only where there are more machines than cores."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[number % len(cores)]})  # what starts now is bound to it
    try:
        return cluster.add_node(num_cpus=1, memory=4_000_000_000)
    finally:
        os.sched_setaffinity(0, cores)
