"""From a cohort to a model file."""

import hashlib
import logging
import math
import os
import signal
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Cohort
from carcinomap.errors import CarcinomapError, InputError
from carcinomap.files import write_json
from carcinomap.model import Model, ModelSpec, build_network, save_model
from carcinomap.model.torch_runtime import cuda_device
from carcinomap.progress import Advance, progress
from carcinomap.slide import View
from carcinomap.training.data import TrainingData, prepare, training_loader, validation_loader
from carcinomap.training.run import Run
from carcinomap.training.settings import DEFAULT_STEPS, TrainingSettings
from carcinomap.training.task import SegmentationTask
from carcinomap.version import __version__


@dataclass(frozen=True)
class TrainingResult:
    """What a training run left.

    Attributes:
        model: The model file.
        scores: ``mean_iou`` and ``iou`` by class, on the validation patches of the best step.
        steps: Steps taken.
        notes: What a user should know.
    """

    model: Path
    scores: Mapping[str, Any]
    steps: int
    notes: tuple[str, ...]


def train(
    cohort: Cohort,
    output: str | Path,
    settings: TrainingSettings | None = None,
    scheme: ClassScheme | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
) -> TrainingResult:
    """Train a model on the annotated slides of a cohort.

    Args:
        cohort: The cases.
        output: Folder of the run; ``model.safetensors`` in it is the best model.
        settings: How to train.
        scheme: The classes; BACH's four where none are given.
        resume: Go on with the run in ``output``.
        overwrite: Start anew where there is one already.

    Raises:
        InputError: The cohort, the settings or the output folder cannot be used.
        CarcinomapError: The loss is not finite any more.
    """
    settings = settings or TrainingSettings()
    scheme = scheme or ClassScheme.default()
    started = time.time()
    run = Run(Path(output))
    run.check(settings, scheme, resume, overwrite)
    data = prepare(cohort, scheme, settings)
    torch.manual_seed(settings.seed)
    network = build_network(
        settings.architecture,
        settings.encoder,
        len(scheme),
        pretrained=settings.pretrained,
        width=settings.width,
        context=settings.context,
    )
    if settings.patch % network.stride:
        raise InputError(
            f"--patch {settings.patch}: must be a multiple of {network.stride}, the stride of "
            f"this {network.architecture}"
        )
    views = network.views(settings.mpp, settings.patch)
    run.begin(settings, scheme, resume)
    run.write_split(data.cases)
    steps = _length(settings, data)
    task = SegmentationTask(network.module, network.preprocessing, scheme, settings, steps)
    checkpoint = _fit(task, data, scheme, settings, views, run, steps, resume)
    best = _load_best(checkpoint, task)
    spec = ModelSpec(
        architecture=network.architecture,
        kwargs=network.kwargs,
        classes=scheme,
        views=views,
        stride=network.stride,
        preprocessing=network.preprocessing,
        training=_provenance(data, settings),
        scores=best,
        version=__version__,
    )
    save_model(Model(spec, network.module.eval().cpu()), run.model)
    result = TrainingResult(run.model, best, task.global_step, data.notes)
    write_json(run.summary, _summary(result, time.time() - started))
    return result


def _length(settings: TrainingSettings, data: TrainingData) -> int | None:
    """Return the number of steps, or None where only the time limits them."""
    if settings.steps is not None:
        return settings.steps
    if settings.epochs is not None:
        patch_mm2 = (settings.patch * settings.mpp) ** 2 / 1e6
        patches = data.tissue_mm2() / patch_mm2 * settings.epochs
        return max(1, math.ceil(patches / settings.batch))
    return None if settings.minutes is not None else DEFAULT_STEPS


def _fit(
    task: SegmentationTask,
    data: TrainingData,
    scheme: ClassScheme,
    settings: TrainingSettings,
    views: Sequence[View],
    run: Run,
    steps: int | None,
    resume: bool,
) -> Path:
    """Run the training loop and return the best checkpoint.

    One of Lightning's epochs is the time between two validations.
    """
    interval = settings.validate_every or max(1, min(200, (steps or 1000) // 10))
    keep = ModelCheckpoint(
        run.checkpoints,
        "best",
        monitor="val/mean_iou",
        mode="max",
        save_last=True,
        enable_version_counter=False,
    )
    with _quietly(), progress("training", steps, "steps") as advance:
        trainer = lightning.Trainer(
            max_steps=-1 if steps is None else steps,
            max_epochs=-1,
            logger=TensorBoardLogger(run.logs, name="", version=""),
            callbacks=[keep, _Watch(advance)],
            gradient_clip_val=1.0,
            num_sanity_val_steps=0,
            log_every_n_steps=10,
            enable_progress_bar=False,
            enable_model_summary=False,
            **_hardware(settings.device),
        )
        try:
            trainer.fit(
                task,
                training_loader(data, scheme, settings, views, interval, lambda: task.global_step),
                validation_loader(data, scheme, settings, views),
                ckpt_path=run.last if resume else None,
                weights_only=True,
            )
        except SystemExit as stop:
            # Lightning turns Ctrl-C into an exit of its own and leaves the signal ignored.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt from stop
    return Path(keep.best_model_path)


class _Watch(Callback):
    """Moves the progress bar, ends the training when its time is over or the loss is lost."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance
        self._begun = False

    def on_train_batch_end(
        self, trainer: lightning.Trainer, task: Any, outputs: Any, batch: Any, index: int
    ) -> None:
        loss = float(outputs["loss"])
        if not math.isfinite(loss):
            raise CarcinomapError(
                f"the loss is not finite at step {task.global_step}; try a lower --learning-rate"
            )
        seen = trainer.callback_metrics.get("val/mean_iou")
        note = f"loss {loss:.3f}" + ("" if seen is None else f", mean IoU {float(seen):.3f}")
        self._advance(1 if self._begun else task.global_step, note)
        self._begun = True
        if task.progress() >= 1:
            trainer.should_stop = True


def _hardware(device: str) -> dict[str, Any]:
    """Translate a device into Lightning's words; mixed precision where it is a GPU."""
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        return {"accelerator": "cpu", "devices": 1}
    chosen = cuda_device("cuda" if device == "auto" else device)
    precision = "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    return {"accelerator": "gpu", "devices": [chosen.index or 0], "precision": precision}


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep Lightning's hints to its developers' users off the screen of ours."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _load_best(path: Path, task: SegmentationTask) -> dict[str, Any]:
    """Load the weights of a checkpoint into the task's network and return their scores."""
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    task.load_state_dict(checkpoint["state_dict"])
    scores: dict[str, Any] = checkpoint["scores"]
    return scores


def _provenance(data: TrainingData, settings: TrainingSettings) -> dict[str, Any]:
    """Return what the model file says of its training."""
    patients: dict[str, list[str]] = {}
    for case in data.cases:
        patients.setdefault(case.split, [])
        if case.patient not in patients[case.split]:
            patients[case.split].append(case.patient)
    fingerprints = {
        case.name: hashlib.sha256(case.annotation.read_bytes()).hexdigest()
        for case in data.cases
        if case.annotation is not None
    }
    return {
        "patients": {split: sorted(names) for split, names in sorted(patients.items())},
        "settings": settings.model_dump(),
        "fingerprints": fingerprints,
    }


def _summary(result: TrainingResult, seconds: float) -> dict[str, Any]:
    return {
        "carcinomap": __version__,
        "torch": torch.__version__,
        "lightning": lightning.__version__,
        "steps": result.steps,
        "seconds": round(seconds, 1),
        "cores": os.cpu_count(),
        "scores": dict(result.scores),
        "notes": list(result.notes),
    }
