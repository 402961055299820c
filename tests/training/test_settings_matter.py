"""A training that is asked for something else ends with other weights."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from small_training import SMALL

from carcinomap.cohort import Cohort
from carcinomap.model import build_network, load_model
from carcinomap.training import TrainingSettings, train

Weights = dict[str, torch.Tensor]


def trained(cohort: Cohort, folder: Path, **changed: Any) -> Weights:
    settings = TrainingSettings(**SMALL | {"batch": 8, "steps": 2, "validate_every": 2} | changed)
    return load_model(train(cohort, folder, settings).model).network.state_dict()


def alike(one: Weights, other: Weights) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.fixture(scope="module")
def usual(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Weights:
    return trained(cohort, tmp_path_factory.mktemp("usual"))


def test_the_same_training_ends_alike(cohort: Cohort, usual: Weights, tmp_path: Path) -> None:
    """Without which the other tests would say nothing."""
    assert alike(trained(cohort, tmp_path), usual)


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 1},
        {"sample_slides": "equally"},
        {"sample_polygons": "equally"},
        {"background": 0.9},
        {"scale_jitter": 0.0},
        {"rotation": 0.0},
        {"stain": 0.0},
        {"brightness": 0.0},
        {"blur": 1.0},
        {"jpeg": 1.0},
        {"dice": 0.0},
        {"focal": 2.0},
        {"label_smoothing": 0.1},
        {"class_weights": "balanced"},
        {"prior": "patches"},
        {"optimiser": "adam"},
        {"learning_rate": 2e-3},
        {"weight_decay": 0.1},
        {"clip": 0.01},
        {"ema": 0.0},
    ],
    ids="-".join,
)
def test_a_setting_matters(
    cohort: Cohort, usual: Weights, tmp_path: Path, changed: dict[str, Any]
) -> None:
    assert not alike(trained(cohort, tmp_path, **changed), usual)


def test_an_encoder_starts_from_the_weights_of_a_file(cohort: Cohort, tmp_path: Path) -> None:
    torch.manual_seed(7)
    network = build_network("unet", SMALL["encoder"], 4, pretrained=False).module
    weights = {name: value.clone() for name, value in network.encoder.state_dict().items()}
    save_file(weights, tmp_path / "encoder.safetensors")
    barely = {"learning_rate": 1e-12, "ema": 0.0, "steps": 1, "validate_every": 1}
    found = trained(
        cohort, tmp_path / "run", encoder_weights=str(tmp_path / "encoder.safetensors"), **barely
    )
    learned = dict(network.encoder.named_parameters())
    assert learned
    for name in learned:
        torch.testing.assert_close(found[f"encoder.{name}"], weights[name])
