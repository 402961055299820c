"""A model small enough for tests."""

import torch

from carcinomap.annotation import ClassScheme
from carcinomap.model import Model, ModelSpec, Preprocessing, build_network
from carcinomap.slide import View


def small_model(**changes) -> Model:
    """Return a narrow reference network with random weights and statistics."""
    torch.manual_seed(3)
    network = build_network("atrous-resnet", classes=4, width=1 / 16)
    for module in network.module.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean, std=0.1)
            torch.nn.init.uniform_(module.running_var, 0.8, 1.2)
    values = {
        "architecture": network.architecture,
        "kwargs": network.kwargs,
        "classes": ClassScheme.default(),
        "views": (View(1.0, 256),),
        "stride": network.stride,
        "preprocessing": Preprocessing((0.6, 0.5, 0.4), (0.2, 0.3, 0.4)),
        "training": {"patients": {"train": ["p1"], "val": ["p2"]}},
        "scores": {"mean_iou": 0.61},
    }
    return Model(ModelSpec(**{**values, **changes}), network.module.eval())
