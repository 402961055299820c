"""What a training can be asked for besides its length."""

import csv
import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_training import SMALL

from carcinomap.annotation import ClassScheme, TissueClass
from carcinomap.cohort import Cohort, PatchKey, PatchSampler
from carcinomap.errors import CarcinomapError, InputError
from carcinomap.model import (
    Model,
    ModelSpec,
    Network,
    Preprocessing,
    build_network,
    load_model,
    save_model,
)
from carcinomap.training import TrainingSettings, train
from carcinomap.training.initial import _copy, start_from
from carcinomap.training.task import SegmentationTask

SETTINGS = {**SMALL, "batch": 4}


def weights(path: Path) -> dict[str, torch.Tensor]:
    return load_model(path).network.state_dict()


def test_parts_of_a_batch_show_the_network_the_same_patches(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[int, list[bytes]] = {}
    original = SegmentationTask.training_step

    def watched(self, batch, index):
        (image,), _ = batch
        seen.setdefault(self.global_step, []).extend(one.numpy().tobytes() for one in image)
        return original(self, batch, index)

    monkeypatch.setattr(SegmentationTask, "training_step", watched)
    of = {}
    for parts in (1, 2):
        seen.clear()
        settings = TrainingSettings(**SETTINGS, steps=2, validate_every=2, accumulate=parts)
        assert train(cohort, tmp_path / str(parts), settings).steps == 2
        of[parts] = dict(seen)
    assert of[1] == of[2]


def test_a_mean_of_the_weights_is_kept(cohort: Cohort, tmp_path: Path) -> None:
    settings = TrainingSettings(**SETTINGS, steps=3, validate_every=3, learning_rate=0.01)
    plain, mean = (
        train(cohort, tmp_path / str(ema), settings.model_copy(update={"ema": ema})).model
        for ema in (0.0, 0.5)
    )
    state = torch.load(tmp_path / "0.5" / "checkpoints" / "last.ckpt", weights_only=True)
    current = state["current_model_state"]
    name = next(iter(weights(plain)))
    # The same steps were taken; what is kept differs.
    torch.testing.assert_close(current[f"network.{name}"], weights(plain)[name])
    assert not torch.equal(weights(mean)[name], weights(plain)[name])


def test_patience_ends_a_training_that_gets_no_better(cohort: Cohort, tmp_path: Path) -> None:
    settings = TrainingSettings(
        **SETTINGS, steps=50, validate_every=1, patience=2, learning_rate=1e-12, ema=0
    )
    assert train(cohort, tmp_path, settings).steps < 50


def test_patches_on_which_the_loss_was_lost_are_kept(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "carcinomap.training.loss.SegmentationLoss.forward",
        lambda self, logits, labels: logits.sum() * float("inf"),
    )
    with pytest.raises(CarcinomapError, match="not finite at step 1; the patches are in"):
        train(cohort, tmp_path, TrainingSettings(**SETTINGS, steps=3))
    with (tmp_path / "not-finite" / "keys-0.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert [row["patch"] for row in rows] == ["0", "1", "2", "3"]
    assert all(Path(row["slide"]).is_file() for row in rows)
    image = np.asarray(Image.open(tmp_path / "not-finite" / "0-3-view-1.png"))
    label = np.asarray(Image.open(tmp_path / "not-finite" / "0-3-label.png"))
    assert image.shape == (64, 64, 3)
    assert label.shape == (64, 64)


def test_the_places_of_a_lost_loss_are_those_of_its_step(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = TrainingSettings(**SETTINGS, validate_every=4, steps=5)
    train(cohort, tmp_path / "run", settings)
    # It goes on in the middle of what Lightning counts as an epoch.
    asked: list[tuple[int, int]] = []
    key = PatchSampler.key

    def watched(sampler: PatchSampler, step: int, sample: int) -> PatchKey:
        asked.append((step, sample))
        return key(sampler, step, sample)

    monkeypatch.setattr(PatchSampler, "key", watched)
    monkeypatch.setattr(
        "carcinomap.training.loss.SegmentationLoss.forward",
        lambda self, logits, labels: logits.sum() * float("nan"),
    )
    longer = settings.model_copy(update={"steps": 8})
    with pytest.raises(CarcinomapError, match="not finite at step 6"):
        train(cohort, tmp_path / "run", longer, resume=True)
    assert asked[-4:] == [(5, sample) for sample in range(4)]


def test_the_loss_that_is_shown_is_that_of_the_step(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "carcinomap.training.loss.SegmentationLoss.forward",
        lambda self, logits, labels: logits.sum() * 0 + 3.0,
    )
    said: list[str] = []
    monkeypatch.setattr("carcinomap.training.watch.log_line", said.append)
    train(cohort, tmp_path, TrainingSettings(**SETTINGS, steps=1, accumulate=2))
    assert "loss 3.000" in said[0]


def test_a_gradient_that_is_not_finite_never_reaches_the_weights(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(  # whose slope has no end at 0
        "carcinomap.training.loss.SegmentationLoss.forward",
        lambda self, logits, labels: (logits.sum() * 0).sqrt(),
    )
    settings = TrainingSettings(**SETTINGS, steps=1, accumulate=2)
    with pytest.raises(CarcinomapError, match="gradient, is not finite at step 1"):
        train(cohort, tmp_path, settings)
    assert not (tmp_path / "model.safetensors").exists()
    rows = (tmp_path / "not-finite" / "keys-0.csv").read_text().splitlines()
    assert len(rows) == 1 + 4  # the patches of both parts of the step


def test_balanced_weights_train(cohort: Cohort, tmp_path: Path) -> None:
    settings = TrainingSettings(
        **SETTINGS, steps=1, class_weights="balanced", focal=2, label_smoothing=0.1
    )
    assert train(cohort, tmp_path, settings).steps == 1


def test_start_from_an_earlier_model(cohort: Cohort, tmp_path: Path) -> None:
    settings = TrainingSettings(**SETTINGS, steps=1, learning_rate=1e-12, ema=0)
    first = train(cohort, tmp_path / "first", settings)
    again = train(
        cohort, tmp_path / "again", settings.model_copy(update={"seed": 1}), init=first.model
    )
    name = "segmentation_head.0.weight"
    torch.testing.assert_close(weights(again.model)[name], weights(first.model)[name])

    classes = (TissueClass("invasive", "#ff0000"), TissueClass("normal", "#00ff00"))
    scheme = ClassScheme(classes, unknown="background")
    other = train(cohort, tmp_path / "other", settings, scheme, init=first.model)
    assert any("started from model.safetensors" in note for note in other.notes)
    old, new = weights(first.model), weights(other.model)
    torch.testing.assert_close(new[name], old[name][[3, 0]])
    torch.testing.assert_close(
        new["encoder.model.conv_stem.weight"], old["encoder.model.conv_stem.weight"]
    )

    with pytest.raises(InputError, match="is a unet"):
        train(
            cohort,
            tmp_path / "refused",
            settings.model_copy(update={"architecture": "fpn"}),
            init=first.model,
        )
    assert not (tmp_path / "refused").exists()


def test_a_head_of_several_layers_is_taken_over_where_it_has_a_row_a_class() -> None:
    def network(classes: int) -> torch.nn.Module:
        head = torch.nn.Sequential(
            torch.nn.Conv2d(5, 5, 1), torch.nn.BatchNorm2d(5), torch.nn.Conv2d(5, classes, 1)
        )
        return torch.nn.ModuleDict({"segmentation_head": head})

    target, source = network(3), network(2)
    before = {name: one.clone() for name, one in target.state_dict().items()}
    assert _copy(target, source, torch.tensor([2]), torch.tensor([0]), (3, 2)) == []
    after, known = target.state_dict(), source.state_dict()
    for name in ("segmentation_head.0.weight", "segmentation_head.1.num_batches_tracked"):
        assert torch.equal(after[name], known[name])
    last = "segmentation_head.2.weight"
    assert torch.equal(after[last][2], known[last][0])
    assert torch.equal(after[last][:2], before[last][:2])


def test_an_earlier_model_says_how_pixels_look_and_what_is_new(tmp_path: Path) -> None:
    def reference(classes: int) -> Network:
        return build_network("atrous-resnet", classes=classes, width=1 / 16)

    torch.manual_seed(0)
    earlier = reference(2)
    pixels = Preprocessing((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    classes = (TissueClass("invasive", "#ff0000"), TissueClass("normal", "#00ff00"))
    spec = ModelSpec(
        architecture=earlier.architecture,
        kwargs=earlier.kwargs,
        classes=ClassScheme(classes),
        views=earlier.views(1.0, 64),
        stride=earlier.stride,
        preprocessing=pixels,
    )
    save_model(Model(spec, earlier.module), tmp_path / "earlier.safetensors")
    for scheme, new in (
        (ClassScheme(classes), set()),
        (ClassScheme(classes[::-1]), {"up_to_full"}),
        (
            ClassScheme.default(),
            {"pyramid", "up_to_quarter", "skip_quarter", "up_to_half", "skip_half"},
        ),
    ):
        network = reference(len(scheme))
        before = {name: one.clone() for name, one in network.module.state_dict().items()}
        network, note = start_from(network, scheme, tmp_path / "earlier.safetensors")
        assert network.preprocessing == pixels
        changed = {
            name.partition(".")[0]
            for name, one in network.module.state_dict().items()
            if not torch.equal(one, before[name])
        }
        assert {"stem", "groups"} <= changed
        assert not changed & new
        assert all(part in note for part in new)


def test_two_processes_learn_from_the_patches_of_one(
    made_slides: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import json, sys\n"
        "from pathlib import Path\n"
        "from carcinomap.cohort import read_cohort\n"
        "from carcinomap.training import TrainingSettings, train\n"
        "from carcinomap.training.task import SegmentationTask\n"
        "slides, output, devices = sys.argv[1:]\n"
        "seen, losses = [], []\n"
        "original = SegmentationTask.training_step\n"
        "def watched(self, batch, index):\n"
        "    (image,), _ = batch\n"
        "    seen.extend((self.global_step, one.float().mean().item()) for one in image)\n"
        "    loss = original(self, batch, index)\n"
        "    losses.append(float(loss))\n"
        "    self.rank = self.global_rank\n"
        "    return loss\n"
        "SegmentationTask.training_step = watched\n"
        f"settings = TrainingSettings(**{SETTINGS!r}, steps=3, validate_every=3, device='cpu',\n"
        "    minutes=60, devices=int(devices))\n"
        "if __name__ == '__main__':\n"
        "    result = train(read_cohort(slides), output, settings)\n"
        "    import os\n"
        "    rank = os.environ.get('LOCAL_RANK', '0')\n"
        "    found = {'seen': seen, 'losses': losses, 'scores': dict(result.scores)}\n"
        "    Path(output, f'seen-{rank}.json').write_text(json.dumps(found))\n",
        encoding="utf-8",
    )
    found = {}
    for devices in ("1", "2"):
        output = tmp_path / devices
        command = [str(script), str(made_slides), str(output), devices]
        if devices == "1":  # here, where all that takes long is imported already
            with monkeypatch.context() as patch:
                patch.setattr(SegmentationTask, "training_step", SegmentationTask.training_step)
                patch.setattr(sys, "argv", command)
                runpy.run_path(str(script), run_name="__main__")
        else:
            subprocess.run([sys.executable, *command], check=True, timeout=200, capture_output=True)
        paths = [output / f"seen-{rank}.json" for rank in range(int(devices))]
        found[devices] = [json.loads(path.read_text()) for path in paths]
    (one,) = found["1"]
    together = sorted(key for process in found["2"] for key in process["seen"])
    assert together == sorted(one["seen"])
    assert len(found["2"][0]["seen"]) == len(one["seen"]) // 2
    mean = np.mean([process["losses"] for process in found["2"]], axis=0)
    np.testing.assert_allclose(mean, one["losses"], rtol=0.15)  # statistics are of half a batch
    first, second = (process["scores"] for process in found["2"])
    assert first == second
