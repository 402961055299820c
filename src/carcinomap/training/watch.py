"""What goes along with a training: progress, its end, and what is kept of a failure."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from PIL import Image
from torch import Tensor

from carcinomap.cohort import Case, PatchKey
from carcinomap.errors import CarcinomapError
from carcinomap.progress import Advance, log_line
from carcinomap.training.batches import KeyBatches

BEST = "val/mean_iou"
"""What is watched, and the largest of which is kept."""


class Watch(Callback):
    """Moves the progress bar; ends the training when its time is over or the loss is lost.

    Args:
        advance: Of the progress bar.
        failures: Folder for the patches on which the loss was lost.
        cases: What the keys' cases are.
    """

    def __init__(self, advance: Advance, failures: Path, cases: Sequence[Case]) -> None:
        self._advance = advance
        self._failures = failures
        self._cases = cases
        self._shown: int | None = None
        self._parts: list[tuple[Any, int, int]] = []
        self._loss = math.nan

    def on_train_batch_start(
        self, trainer: lightning.Trainer, task: Any, batch: Any, index: int
    ) -> None:
        """Remember the patches of the step, and which they are."""
        self._parts.append((batch, task.global_step, index % trainer.accumulate_grad_batches))

    def on_before_optimizer_step(
        self, trainer: lightning.Trainer, task: Any, optimizer: torch.optim.Optimizer
    ) -> None:
        """Let no gradient that is not finite reach the weights; all processes have the same one."""
        if trainer.scaler is None:
            gradients = (weight.grad for weight in task.parameters() if weight.grad is not None)
            norm = float(torch.nn.utils.get_total_norm(gradients))
            self._stop_unless(math.isfinite(norm), trainer, task.global_step + 1)

    def on_train_batch_end(
        self, trainer: lightning.Trainer, task: Any, outputs: Any, batch: Any, index: int
    ) -> None:
        """See the class."""
        loss = float(outputs["loss"]) * trainer.accumulate_grad_batches  # it is divided by that
        step = task.global_step
        if trainer.scaler is not None:  # in float16, where single steps may be left out
            finite = trainer.strategy.reduce_boolean_decision(math.isfinite(loss))
            self._stop_unless(finite, trainer, step)
        self._loss = loss
        self._advance(step - (self._shown or 0), self._note(trainer))
        self._shown = step
        if (index + 1) % trainer.accumulate_grad_batches == 0:
            self._parts.clear()
            # Only here: what goes on begins with a whole step.
            trainer.should_stop = trainer.should_stop or task.progress() >= 1

    def on_validation_end(self, trainer: lightning.Trainer, task: Any) -> None:
        """Leave a line in a log."""
        self._log(trainer, task)

    def on_train_epoch_end(self, trainer: lightning.Trainer, task: Any) -> None:
        """The same, where nothing validates."""
        if not trainer.enable_validation:
            self._log(trainer, task)

    def _log(self, trainer: lightning.Trainer, task: Any) -> None:
        done = task.progress()  # which all processes must ask for together
        if trainer.is_global_zero:
            log_line(f"{done:.0%}, step {task.global_step}: {self._note(trainer)}")

    def _note(self, trainer: lightning.Trainer) -> str:
        """Say how it goes."""
        seen = trainer.callback_metrics.get(BEST)
        return f"loss {self._loss:.3f}" + ("" if seen is None else f", mean IoU {float(seen):.3f}")

    def _stop_unless(self, finite: bool, trainer: lightning.Trainer, step: int) -> None:
        if finite:
            return
        self._keep(trainer)
        raise CarcinomapError(
            f"the loss, or its gradient, is not finite at step {step}; the patches are in "
            f"{self._failures}; try a lower --learning-rate"
        )

    def _keep(self, trainer: lightning.Trainer) -> None:
        """Save the patches of the step with their labels and keys."""
        loader: Any = trainer.train_dataloader
        batches: KeyBatches = loader.batch_sampler
        self._failures.mkdir(parents=True, exist_ok=True)
        with (self._failures / f"keys-{trainer.global_rank}.csv").open("w", newline="") as table:
            writer = csv.writer(table, lineterminator="\n")
            writer.writerow(["patch", "slide", "x", "y", "orientation", "scale"])
            number = 0
            for (images, labels), step, part in self._parts:
                for place, key in enumerate(batches.keys(step, part)):
                    writer.writerow([number, self._cases[key.case].slide, *_numbers(key)])
                    shown = [image[place] for image in images]
                    self._draw(f"{trainer.global_rank}-{number}", shown, labels[place])
                    number += 1

    def _draw(self, name: str, images: Sequence[Tensor], label: Tensor) -> None:
        """Save one patch as pictures."""
        for view, image in enumerate(images):
            pixels = image.permute(1, 2, 0).cpu().numpy()
            Image.fromarray(pixels).save(self._failures / f"{name}-view-{view + 1}.png")
        classes = label.cpu().numpy().astype(np.uint8)
        Image.fromarray(classes).save(self._failures / f"{name}-label.png")


def _numbers(key: PatchKey) -> tuple[float, ...]:
    return key.x, key.y, key.orientation, key.scale
