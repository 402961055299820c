"""The training loop: Lightning's, with what goes along with it."""

import logging
import math
import signal
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback, EarlyStopping
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher
from torch.utils.data import DataLoader

from carcinomap.annotation import ClassScheme
from carcinomap.progress import progress
from carcinomap.slide import View
from carcinomap.training.averaging import RunningMean
from carcinomap.training.batches import Division
from carcinomap.training.checkpoints import WholeFiles, checkpoints
from carcinomap.training.data import TrainingData, training_loader, validation_loader
from carcinomap.training.hard_negatives import HardNegatives
from carcinomap.training.hardware import hardware
from carcinomap.training.run import Run
from carcinomap.training.settings import DEFAULT_STEPS, TrainingSettings
from carcinomap.training.task import SegmentationTask
from carcinomap.training.watch import BEST, Watch


def length(settings: TrainingSettings, data: TrainingData, batch: int) -> int | None:
    """Return the number of steps, or None where only the time limits them."""
    if settings.steps is not None:
        return settings.steps
    if settings.epochs is not None:
        patch_mm2 = (settings.patch * settings.mpp) ** 2 / 1e6
        patches = data.tissue_mm2() / patch_mm2 * settings.epochs
        return max(1, math.ceil(patches / batch))
    return None if settings.minutes is not None else DEFAULT_STEPS


def fit(
    task: SegmentationTask,
    data: TrainingData,
    scheme: ClassScheme,
    settings: TrainingSettings,
    views: Sequence[View],
    division: Division,
    run: Run,
    steps: int | None,
    resume: bool,
) -> Path:
    """Run the training loop and return the best checkpoint, or without validation the last.

    One of Lightning's epochs is the time between two validations, or two checkpoints.
    """
    interval = settings.validate_every or max(1, min(200, (steps or 1000) // 10))

    def now() -> tuple[int, int]:
        return task.global_step, task.global_rank

    def share() -> tuple[int, int]:
        return task.global_rank, division.processes

    training = training_loader(data, scheme, settings, views, division, interval, now)
    validation = validation_loader(data, scheme, settings, views, division, share)
    machine = hardware(settings)
    plugins = [WholeFiles(), *machine.pop("plugins", [])]
    with _quietly(), progress("training", steps, "steps") as advance:
        watch = Watch(advance, run.failures, data.cases)
        trainer = lightning.Trainer(
            max_steps=-1 if steps is None else steps,
            max_epochs=-1,
            logger=TensorBoardLogger(run.logs, name="", version=""),
            callbacks=[
                watch,
                *_callbacks(settings, training),
                *checkpoints(run, validation is not None),
            ],
            gradient_clip_val=settings.clip or None,
            accumulate_grad_batches=division.parts,
            num_sanity_val_steps=0,
            log_every_n_steps=10,
            default_root_dir=run.folder,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            plugins=plugins,
            **machine,
        )
        with _ending_well(trainer):
            trainer.fit(
                task,
                training,
                validation,
                ckpt_path=run.last if resume else None,
                weights_only=True,
            )
    return run.last if validation is None else run.best


def _callbacks(settings: TrainingSettings, training: DataLoader[Any]) -> Iterator[Callback]:
    """Yield those that are asked for."""
    if settings.ema:
        yield RunningMean(settings.ema)
    if settings.hard_negatives:
        yield HardNegatives(training)
    if settings.patience is not None:
        yield EarlyStopping(BEST, mode="max", patience=settings.patience)


@contextmanager
def _ending_well(trainer: lightning.Trainer) -> Iterator[None]:
    """Let Ctrl-C be a KeyboardInterrupt, and no process be left behind by an error in this one."""
    try:
        yield
    except SystemExit as stop:
        # Lightning turns Ctrl-C into an exit of its own and leaves the signal ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        raise KeyboardInterrupt from stop
    except BaseException:
        # The processes that it started would wait for this one.
        if isinstance(launcher := trainer.strategy.launcher, _SubprocessScriptLauncher):
            launcher.kill(signal.SIGKILL)
        raise


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep Lightning's hints to its developers' users off the screen of ours."""
    loggers = [logging.getLogger(f"lightning.{part}") for part in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
