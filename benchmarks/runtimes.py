"""Forward passes a second: PyTorch against OpenVINO, the plain network against the context one.

    python benchmarks/runtimes.py [MODEL] [--tile 1024] [--tiles 2] [--repeats 5] [--threads N]

The same tiles for all, of noise: no network cares for the speed of it. Each line is the best of
several repeats, and the repeats of the lines take turns, so that all see the same machine.
Without MODEL, the networks by default with their weights of ImageNet; with it, its network in
place of the plain one. A GPU is measured where there is one.
"""

import argparse
import time
from itertools import repeat

import numpy as np
import torch

from carcinomap.annotation import ClassScheme
from carcinomap.model import Model, ModelSpec, build_network, load_model, open_runtime
from carcinomap.model.torch_runtime import TorchRuntime


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", nargs="?")
    parser.add_argument("--tile", type=int, default=1024)
    parser.add_argument("--tiles", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    plain = load_model(options.model) if options.model else untrained("unet")
    context = untrained("context-unet")
    cpu, threads = torch.device("cpu"), options.threads
    if threads:
        torch.set_num_threads(threads)
    measured = {
        "plain, PyTorch eager": Eager(plain),
        "plain, PyTorch runtime": TorchRuntime(plain, cpu, threads),
        "plain, OpenVINO": open_runtime(plain, "cpu", threads),
        "context, PyTorch eager": Eager(context),
        "context, PyTorch runtime": TorchRuntime(context, cpu, threads),
        "context, OpenVINO": open_runtime(context, "cpu", threads),
    }
    if torch.cuda.is_available():
        measured["plain, GPU"] = open_runtime(plain, "cuda")
        measured["context, GPU"] = open_runtime(context, "cuda")
    best = dict.fromkeys(measured, 0.0)
    for _ in range(1 + options.repeats):  # the first time also prepares
        for name, runtime in measured.items():
            best[name] = max(best[name], speed(runtime, options.tile, options.tiles))
    print(f"{torch.get_num_threads()} threads, tiles of {options.tile}²")
    print(f"{'':26} Mpx/s")
    for name, value in best.items():
        print(f"{name:26} {value:5.2f}")
    faster = best["plain, OpenVINO"] / best["plain, PyTorch eager"]
    dearer = best["plain, OpenVINO"] / best["context, OpenVINO"]
    print(f"OpenVINO is {faster:.2f} times as fast as PyTorch eager")
    print(f"the context network takes {dearer:.2f} times as long as the plain one (OpenVINO)")


class Eager:
    """The network as PyTorch runs it when nobody arranges anything for it."""

    batch_pixels = 0
    at_once = 1
    side = None

    def __init__(self, model):
        self.views = model.spec.views
        self.network = model.network.eval()

    @torch.inference_mode()
    def run(self, batches):
        """See ``Runtime.run``."""
        for views in batches:
            images = [torch.from_numpy(view).permute(0, 3, 1, 2) / 127.5 - 1 for view in views]
            yield self.network(*(image.contiguous() for image in images)).softmax(1).numpy()


def untrained(architecture):
    """Return a model of the default encoder; speed does not depend on training."""
    torch.manual_seed(0)
    network = build_network(architecture)
    spec = ModelSpec(
        network.architecture,
        network.kwargs,
        ClassScheme.default(),
        network.views(1.0, 256),
        network.stride,
        network.preprocessing,
    )
    return Model(spec, network.module.eval())


def speed(runtime, tile, tiles):
    """Return megapixels of the first view a second."""
    random = np.random.default_rng(0)
    batch = max(1, runtime.batch_pixels // tile**2)
    shape = (batch, tile, tile, 3)
    views = tuple(random.integers(0, 256, shape, dtype=np.uint8) for _ in runtime.views)
    started = time.perf_counter()
    for result in runtime.run(repeat(views, tiles)):
        assert result.shape[2:] == (tile, tile)  # noqa: S101
    return tiles * batch * tile**2 / 1e6 / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
