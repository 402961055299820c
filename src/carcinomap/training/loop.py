"""The training loop: Lightning's, with what goes along with it."""

import logging
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

from carcinomap.cohort import PatchKey
from carcinomap.progress import progress
from carcinomap.training.averaging import RunningMean
from carcinomap.training.checkpoints import WholeFiles, checkpoints
from carcinomap.training.data import TrainingData, training_loader, validation_loader
from carcinomap.training.hard_negatives import HardNegatives
from carcinomap.training.hardware import hardware
from carcinomap.training.plan import Plan
from carcinomap.training.run import Run
from carcinomap.training.settings import TrainingSettings
from carcinomap.training.task import SegmentationTask
from carcinomap.training.watch import BEST, Watch


def fit(
    task: SegmentationTask,
    data: TrainingData,
    plan: Plan,
    validating: Sequence[PatchKey],
    run: Run,
    resume: bool,
) -> Path:
    """Run the training loop and return the best checkpoint, or without validation the last.

    One of Lightning's epochs is the time between two validations, or two checkpoints.
    """

    def now() -> tuple[int, int]:
        return task.global_step, task.global_rank

    def share() -> tuple[int, int]:
        return task.global_rank, plan.division.processes

    training = training_loader(data, plan, now)
    validation = validation_loader(data, plan, validating, share)
    machine = hardware(plan.settings)
    plugins = [WholeFiles(), *machine.pop("plugins", [])]
    with _quietly(), progress("training", plan.steps, "steps") as advance:
        watch = Watch(advance, run.failures, data.cases)
        trainer = lightning.Trainer(
            max_steps=-1 if plan.steps is None else plan.steps,
            max_epochs=-1,
            logger=TensorBoardLogger(run.logs, name="", version=""),
            callbacks=[
                watch,
                *_callbacks(plan.settings, training),
                *checkpoints(run, validation is not None),
            ],
            gradient_clip_val=plan.settings.clip or None,
            accumulate_grad_batches=plan.division.parts,
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
