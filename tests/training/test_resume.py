"""A training that is stopped and goes on ends as one that never stopped, bit for bit."""

from pathlib import Path

import pytest
import torch
from small_training import SMALL

from carcinomap.cohort import Cohort
from carcinomap.errors import InputError
from carcinomap.evaluation.curves import read_curves
from carcinomap.training import TrainingSettings, train
from carcinomap.training.task import SegmentationTask
from carcinomap.training.watch import Watch


def stop_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a training end, as with Ctrl-C, when it has taken a step."""
    original = Watch.on_train_batch_end

    def stopped(self, trainer, task, *rest):
        original(self, trainer, task, *rest)
        if task.global_step == step:
            raise KeyboardInterrupt

    monkeypatch.setattr(Watch, "on_train_batch_end", stopped)


def same(one: object, other: object) -> bool:
    """Compare what a checkpoint holds."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return torch.equal(one, other)
    return one == other


# A network that has learned nothing yet sees something else than class 0 here and there.
HARD = {"hard_negatives": 0.5, "learning_rate": 1e-5, "prior": "patches"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        # Dropout in the network, a batch in parts, and places that depend on the weights.
        {
            **{"architecture": "deeplabv3plus", "accumulate": 2, "batch": 4, "seed": 1},
            **HARD,
        },
        {"validation_share": 0.0, **HARD},
    ],
)
def test_stopped_and_resumed_equals_never_stopped(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]
) -> None:
    settings = TrainingSettings(**{**SMALL, **changes}, steps=6, validate_every=2)
    whole = train(cohort, tmp_path / "whole", settings)
    with monkeypatch.context() as patch:
        stop_at(3, patch)  # one step after the checkpoint, which is taken again
        with pytest.raises(KeyboardInterrupt):
            train(cohort, tmp_path / "parts", settings)
    assert not (tmp_path / "parts" / "model.safetensors").exists()
    parts = train(cohort, tmp_path / "parts", settings, resume=True)
    assert parts.model.read_bytes() == whole.model.read_bytes()
    last = [
        torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True)
        for name in ("whole", "parts")
    ]
    assert [one["global_step"] for one in last] == [6, 6]
    for part in ("state_dict", "current_model_state", "optimizer_states", "scores"):
        assert same(last[0][part], last[1][part]), part
    curves = [read_curves(tmp_path / name / "logs") for name in ("whole", "parts")]
    assert curves[0] == curves[1]
    if settings.validation_share:
        assert {curve.name: curve.steps for curve in curves[0]}["val/mean_iou"] == (2, 4, 6)
    if settings.hard_negatives:
        (places,) = (state for name, state in last[0]["callbacks"].items() if "Hard" in name)
        assert places["places"]
        assert places in last[1]["callbacks"].values()


def test_a_run_that_was_moved_still_knows_its_best_step(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = TrainingSettings(**SMALL, steps=4, validate_every=2)
    before, now = tmp_path / "before", tmp_path / "now"
    with monkeypatch.context() as patch:
        stop_at(3, patch)
        with pytest.raises(KeyboardInterrupt):
            train(cohort, before, settings)
    before.rename(now)
    last = now / "checkpoints" / "last.ckpt"
    state = torch.load(last, weights_only=True)
    (best,) = (one for one in state["callbacks"].values() if one.get("monitor"))
    unmatched = torch.tensor(2.0)
    best.update(best_model_score=unmatched, kth_value=unmatched)
    best["best_k_models"] = dict.fromkeys(best["best_k_models"], unmatched)
    torch.save(state, last)
    result = train(cohort, now, settings, resume=True)
    assert (result.steps, result.scores["step"]) == (4, 2)


def test_a_run_goes_on_with_the_model_that_it_started_from(cohort: Cohort, tmp_path: Path) -> None:
    settings = TrainingSettings(**SMALL, steps=1, learning_rate=1e-12)
    first, second = (
        train(cohort, tmp_path / str(seed), settings.model_copy(update={"seed": seed})).model
        for seed in (0, 1)
    )
    train(cohort, tmp_path / "run", settings, init=first)
    longer = settings.model_copy(update={"steps": 2})
    for other in (None, second):
        with pytest.raises(InputError, match=r"other settings \(init\)"):
            train(cohort, tmp_path / "run", longer, init=other, resume=True)
    assert train(cohort, tmp_path / "run", longer, init=first, resume=True).steps == 2


def test_time_is_over_after_a_whole_step(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = []

    def progress(task: SegmentationTask) -> float:  # time is over in the first part of a step
        parts.append(task.global_step)
        return float(len(parts) > 1)

    monkeypatch.setattr(SegmentationTask, "progress", progress)
    computed = []
    step = SegmentationTask.training_step
    monkeypatch.setattr(
        SegmentationTask,
        "training_step",
        lambda task, batch, index: computed.append(index) or step(task, batch, index),
    )
    settings = TrainingSettings(**{**SMALL, "batch": 4}, minutes=60, accumulate=2)
    assert train(cohort, tmp_path, settings).steps == 1
    assert computed == [0, 1]


def test_the_clock_of_a_resumed_run_goes_on(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = TrainingSettings(**SMALL, minutes=60, validate_every=2)
    with monkeypatch.context() as patch:
        stop_at(3, patch)
        with pytest.raises(KeyboardInterrupt):
            train(cohort, tmp_path, settings)
    spent = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["seconds"]
    assert spent > 0
    shorter = settings.model_copy(update={"minutes": spent / 60})
    assert train(cohort, tmp_path, shorter, resume=True).steps == 3  # no time was left
