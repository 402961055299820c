"""A training killed in the middle and gone on with ends as one that never stopped, bit for bit.

    python benchmarks/resume.py [--steps 200] [--patch 128] [--seed 0]

Trains the default network on generated slides twice: once without a stop, and once killed (SIGKILL)
behind the checkpoint at half of its steps, then with ``--resume``. Compares model file, weights,
optimiser and mean of the weights.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from carcinomap.demo import generate_cohort

PARTS = ("state_dict", "current_model_state", "optimizer_states", "lr_schedulers", "scores")


def main():
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slides = folder / "slides"
        generate_cohort(slides, slides=3, seed=1, size=(1280, 1280))
        command = [sys.executable, "-m", "carcinomap", "train", slides, "--quiet", "--workers", "0"]
        command += ["--steps", options.steps, "--validate-every", options.steps // 4]
        command += ["--patch", options.patch, "--batch", "2", "--validation-patches", "8"]
        command += ["--seed", options.seed]
        whole, parts = folder / "whole", folder / "parts"
        _run(command, whole)
        stopped = _killed_at(options.steps // 2, command, parts)
        _run([*command, "--resume"], parts)
        same = _compared(whole, parts)
    print(f"{options.steps} steps, and the same killed behind the checkpoint at {stopped}:")
    for part, equal in same.items():
        print(f"  {part}: {'equal' if equal else 'DIFFERS'}")
    sys.exit(not all(same.values()))


def _run(command, output):
    subprocess.run([*map(str, command), "--output", str(output)], check=True)


def _killed_at(step, command, output):
    """Start a training and kill it as soon as it has a checkpoint of a step."""
    process = subprocess.Popen([*map(str, command), "--output", str(output)])
    while process.poll() is None:
        time.sleep(0.2)
        found = _step_of(output / "checkpoints" / "last.ckpt")
        if found >= step:
            process.kill()
            process.wait()
            return found
    sys.exit("the training had ended before it could be killed")


def _step_of(checkpoint):
    try:
        return torch.load(checkpoint, weights_only=True, map_location="cpu")["global_step"]
    except (OSError, RuntimeError, EOFError):  # not there yet, or just being written
        return 0


def _compared(whole, parts):
    models = [(folder / "model.safetensors").read_bytes() for folder in (whole, parts)]
    states = [
        torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
        for folder in (whole, parts)
    ]
    found = {"model file": models[0] == models[1]}
    for part in ("global_step", *PARTS):
        found[part] = _same(*(state[part] for state in states))
    return found


def _same(one, other):
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return torch.equal(one, other)
    return one == other


def _options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--patch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
