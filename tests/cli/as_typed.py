"""What a user types, and models that are made quickly."""

from collections.abc import Mapping

import torch
from typer.testing import CliRunner, Result

from carcinomap.annotation import ClassScheme
from carcinomap.cli.main import app
from carcinomap.model import Model, ModelSpec, build_network

# A training that is over soon, of a model that is good for nothing.
TINY = ["--architecture", "unet", "--encoder", "tu-test_efficientnet", "--patch", "64"]
TINY += ["--batch", "2", "--steps", "2", "--validation-patches", "4"]
TINY += ["--no-pretrained", "--workers", "0"]


def call(*arguments: object) -> Result:
    """Run the command; on a screen so wide that no path is broken into lines."""
    wide = {"COLUMNS": "300"}
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=wide)


def narrow_model(mpp: float, size: int, **told: Mapping[str, object]) -> Model:
    """Return a model with random weights that says of itself what it is told."""
    torch.manual_seed(3)
    network = build_network("atrous-resnet", classes=4, width=1 / 16)
    spec = ModelSpec(
        architecture=network.architecture,
        kwargs=network.kwargs,
        classes=ClassScheme.default(),
        views=network.views(mpp, size),
        stride=network.stride,
        preprocessing=network.preprocessing,
        **told,
    )
    return Model(spec, network.module.eval())
