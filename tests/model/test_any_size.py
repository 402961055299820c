"""Converted once, a network serves tiles of all sizes, where that is the same function."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_models import small_model

from carcinomap.model import Model, build_network
from carcinomap.model.openvino_runtime import OpenVinoRuntime
from carcinomap.model.torch_runtime import TorchRuntime
from carcinomap.slide import View

SIZES = ((1, 64, 160), (2, 96, 32), (1, 32, 32), (1, 256, 96))
SOME = SIZES[:2]  # where the network is converted for each, which takes seconds


class OwnSize(torch.nn.Module):
    """Scores that depend on the size for which it was traced."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        height, width = (float(side) for side in pixels.shape[2:])
        grey = pixels.mean(dim=1, keepdim=True) * height / width
        return torch.cat([grey, -grey, grey / 2, grey + 1], dim=1)


def largest_difference(model: Model, sizes: Sequence[tuple[int, int, int]] = SOME) -> float:
    random = np.random.default_rng(4)
    batches = []
    for count, height, width in sizes:
        views = [
            random.integers(0, 256, (count, height, width, 3), np.uint8) for _ in model.spec.views
        ]
        batches.append(tuple(views))
    ours = OpenVinoRuntime(model, 1).run(batches)
    theirs = TorchRuntime(model, torch.device("cpu")).run(batches)
    return max(np.abs(a - b).max() for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(
    ("architecture", "output_stride", "any_size"),
    [("unet", 1, True), ("unet", 2, True), ("fpn", 1, False)],
)
def test_tiles_of_any_size_where_the_graph_allows_it(
    architecture: str, output_stride: int, any_size: bool
) -> None:
    torch.manual_seed(5)
    network = build_network(
        architecture, "tu-test_efficientnet", 4, pretrained=False, output_stride=output_stride
    )
    spec = replace(small_model().spec, stride=network.stride)
    model = Model(replace(spec, preprocessing=network.preprocessing), network.module.eval())
    assert OpenVinoRuntime(model, 1).any_size == any_size
    assert largest_difference(model, SIZES if any_size else SIZES[:1]) < 1e-4


def test_a_network_that_keeps_its_size_is_made_for_each_shape() -> None:
    spec = replace(small_model().spec, architecture="own size", views=(View(1.0, 64),))
    model = Model(spec, OwnSize())
    assert not OpenVinoRuntime(model, 1).any_size
    assert largest_difference(model) < 1e-4


def test_a_network_of_two_views_too() -> None:
    torch.manual_seed(6)
    network = build_network("context-unet", "tu-test_efficientnet", 4, pretrained=False, context=2)
    views = network.views(1.0, 128)
    spec = replace(small_model().spec, stride=32, views=views)
    model = Model(replace(spec, preprocessing=network.preprocessing), network.module.eval())
    assert not OpenVinoRuntime(model, 1).any_size
    assert largest_difference(model, SIZES[:1]) < 1e-4
