"""A training on all cores beside another process that computes: how its threads should wait.

    python benchmarks/training_beside.py [--steps 6] [--rounds 2] [--busy 1]

PyTorch's threads wait for each other many times in a step. While they do, GNU's OpenMP lets them
spin at first, which costs nothing alone but takes a core from the thread that is waited for as
soon as anybody else computes. Both are told by variables that are read once, when PyTorch is
loaded. Each figure is a process of its own: seconds of a forward and a backward pass of the context
U-Net with output stride 1, 8 × 256², float32, the median of its steps; in every round all take
turns.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time

from measured import answer, table

ENVIRONMENTS = {
    "as it comes": {},
    "OMP_WAIT_POLICY=passive": {"OMP_WAIT_POLICY": "passive"},
    "GOMP_SPINCOUNT=1000": {"GOMP_SPINCOUNT": "1000"},
    "GOMP_SPINCOUNT=10000": {"GOMP_SPINCOUNT": "10000"},
    "GOMP_SPINCOUNT=100000": {"GOMP_SPINCOUNT": "100000"},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--busy", type=int, default=1, help="Processes that compute beside it.")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(seconds_of_a_step(options.steps))
        return
    found = {name: ([], []) for name in ENVIRONMENTS}
    for _ in range(options.rounds):
        for name, environment in ENVIRONMENTS.items():
            found[name][0].append(child(environment, options.steps))
            with busy(options.busy):
                found[name][1].append(child(environment, options.steps))
            print(name, found[name], file=sys.stderr, flush=True)
    head = ["", "alone, s", f"beside {options.busy} that compute, s"]
    rows = [
        [name, *(", ".join(f"{one:.2f}" for one in each) for each in both)]
        for name, both in found.items()
    ]
    table(head, rows)


def child(environment, steps):
    """Return the seconds of a step in a process with these variables."""
    command = ["env", *(f"{name}={value}" for name, value in environment.items())]
    return answer([*command, sys.executable, __file__, "--child", "--steps", steps])[0]


@contextlib.contextmanager
def busy(count):
    """Keep so many processes computing."""
    endless = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(endless) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def seconds_of_a_step(steps):
    """Return the median of the seconds of some steps, after one that prepares."""
    import torch  # noqa: PLC0415 - only the children compute

    from carcinomap.model import build_network  # noqa: PLC0415
    from training_step import prepared, step  # noqa: PLC0415

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    network = build_network("context-unet", classes=3)
    module = prepared(network.module)
    images = [torch.rand(8, 3, 256, 256) for _ in network.scales]
    seconds = [step(module, images, torch.float32, time.perf_counter) for _ in range(1 + steps)]
    return statistics.median(seconds[1:])


if __name__ == "__main__":
    main()
