"""What only PyTorch does; what all runtimes do is in test_runtime.py."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_models import small_model
from torch import nn

from carcinomap.errors import CarcinomapError
from carcinomap.model import Model, open_runtime
from carcinomap.model.torch_runtime import TorchRuntime
from carcinomap.slide import View

CPU = torch.device("cpu")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def pixels(n, side, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


class Cramped(nn.Module):
    """Has room for so many tiles, and remembers how many it was given."""

    def __init__(self, network, room):
        super().__init__()
        self.network = network
        self.room = room
        self.given = []

    def forward(self, near, far):
        self.given.append(len(near))
        if len(near) > self.room:
            raise torch.OutOfMemoryError("no room")
        return self.network(near) + far.mean(dim=(1, 2, 3), keepdim=True)


def cramped(room):
    model = small_model(views=(View(1.0, 64), View(4.0, 64)))
    runtime = TorchRuntime(Model(model.spec, Cramped(model.network, room)), CPU)
    network = next(m for m in runtime._network._module.modules() if isinstance(m, Cramped))
    return runtime, network.given


def two_views(n, seed):
    return pixels(n, 64, seed), pixels(n, 64, seed + 100)


@pytest.mark.parametrize(
    ("room", "tried"),
    [(9, [7, 7, 5]), (4, [7, 4, 3, 4, 3, 4, 1]), (1, [7, 4, 2] + [1] * 19)],
)
def test_a_batch_that_does_not_fit_is_halved_until_it_does(room, tried):
    """In order, as tile by tile; and what fits is remembered."""
    batches = [two_views(7, 0), two_views(7, 1), two_views(5, 2)]
    runtime, given = cramped(room)
    found = list(runtime.run(batches))
    assert given == tried
    single, _ = cramped(9)
    for result, views in zip(found, batches, strict=True):
        tiles = [tuple(view[i : i + 1] for view in views) for i in range(len(views[0]))]
        assert result.flags.c_contiguous
        np.testing.assert_allclose(result, np.concatenate(list(single.run(tiles))), atol=1e-4)


def test_a_tile_that_does_not_fit_is_an_error_that_says_what_to_do():
    runtime, _ = cramped(0)
    with pytest.raises(CarcinomapError, match=r"64 × 64 .*--tile.*--device"):
        list(runtime.run([two_views(2, 0)]))


def test_other_failures_are_passed_on():
    class Broken(nn.Module):
        def forward(self, images):
            raise RuntimeError("something else")

    runtime = TorchRuntime(Model(small_model().spec, Broken()), CPU)
    with pytest.raises(RuntimeError, match="something else"):
        list(runtime.run([(pixels(2, 64),)]))


def test_a_result_is_the_caller_s_own(model):
    runtime = TorchRuntime(model, CPU)
    batches = [(pixels(2, 64, seed),) for seed in range(4)]
    first = list(runtime.run(batches))
    kept = [result.copy() for result in first]
    for result in runtime.run(batches):
        result[:] = 7
    assert all(np.array_equal(a, b) for a, b in zip(first, kept, strict=True))
    assert first[0].flags.writeable


def test_on_the_cpu_tiles_go_one_by_one(model):
    assert TorchRuntime(model, CPU).batch_pixels == 0


@needs_gpu
def test_the_gpu_wants_batches_and_fills_no_array_twice(model):
    runtime = open_runtime(model, "cuda")
    assert runtime.batch_pixels > 1024**2
    batches = [(pixels(3, 128, seed),) for seed in range(8)]
    found = list(runtime.run([*batches, (pixels(1, 256),), *batches]))
    theirs = list(TorchRuntime(model, CPU).run(batches))
    for one, other, again in zip(found[:8], theirs, found[9:], strict=True):
        assert np.abs(one - other).mean() < 0.02  # half precision
        assert np.abs(one.sum(axis=1) - 1).max() < 0.003
        assert np.array_equal(one, again)


class Impatient(nn.Module):
    """Waits for its own values, which no recorded graph can."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return self.network(images) * (1.0 if images.sum().item() > 1e9 else 0.5)


@needs_gpu
def test_a_network_that_cannot_be_recorded_runs_all_the_same(model):
    impatient = Model(model.spec, Impatient(model.network))
    batches = [(pixels(2, 128, seed),) for seed in range(3)]
    found = list(open_runtime(impatient, "cuda").run(batches))
    theirs = list(TorchRuntime(impatient, CPU).run(batches))
    for one, other in zip(found, theirs, strict=True):
        assert np.abs(one - other).mean() < 0.02


@needs_gpu
def test_memory_that_is_short_makes_smaller_parts(model):
    views = (pixels(16, 512),)
    expected = next(open_runtime(model, "cuda").run([views]))
    torch.cuda.empty_cache()
    runtime = open_runtime(replace(model), "cuda")
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 3e8) / total)
    try:
        found = next(runtime.run([views]))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert runtime._part < 16
    assert np.abs(found - expected).max() < 0.02
