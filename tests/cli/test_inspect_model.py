import json
from dataclasses import replace

import pytest
from as_typed import call, narrow_model

from carcinomap.model import save_model

STEERING = "\x1b[2J[/bold][red]p1\x07"


@pytest.fixture(scope="module")
def model():
    return narrow_model(
        1.0,
        64,
        training={"patients": {"train": ["p1"]}, "settings": {"batch": 8, "rotation": 33.0}},
        scores={"mean_iou": 0.5, "iou": {"normal": 0.75}},
    )


def test_inspect_prints_the_card(model, tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(model, path)
    shown = call("inspect", path).stdout
    for said in ("atrous-resnet", "IoU of normal: 0.750", "rotation: 33", "No patient was kept"):
        assert said in shown
    assert "batch" not in shown  # as it is by default
    data = json.loads(call("inspect", path, "--json").stdout)
    assert data["training"]["settings"] == {"batch": 8, "rotation": 33.0}
    assert data["fingerprint"] == model.fingerprint
    assert any("benign" in line for line in data["caveats"])


def test_what_would_steer_the_terminal_only_shows(model, tmp_path):
    training = {"patients": {"train": [STEERING]}, "settings": {STEERING: STEERING}}
    path = tmp_path / "[red]model.safetensors"
    save_model(replace(model, spec=replace(model.spec, training=training)), path)
    result = call("inspect", path)
    assert result.exit_code == 0, result.output
    assert "[/bold][red]p1" in result.stdout
    assert "[red]model" in result.stdout
    assert not {"\x1b", "\x07"} & set(result.stdout)
