"""What goes along with a training: progress, its end, and what is kept of a failure."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import numpy as np
from lightning.pytorch.callbacks import Callback
from PIL import Image
from torch import Tensor

from carcinomap.cohort import Case, PatchKey
from carcinomap.errors import CarcinomapError
from carcinomap.progress import Advance
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

    def on_train_batch_end(
        self, trainer: lightning.Trainer, task: Any, outputs: Any, batch: Any, index: int
    ) -> None:
        """See the class."""
        loss = float(outputs["loss"])
        if not math.isfinite(loss):
            self._keep(trainer, batch, index)
            raise CarcinomapError(
                f"the loss is not finite at step {task.global_step}; the patches are in "
                f"{self._failures}; try a lower --learning-rate"
            )
        step = task.global_step
        seen = trainer.callback_metrics.get(BEST)
        note = f"loss {loss:.3f}" + ("" if seen is None else f", mean IoU {float(seen):.3f}")
        self._advance(step - (self._shown or 0), note)
        self._shown = step
        if task.progress() >= 1:
            trainer.should_stop = True

    def _keep(self, trainer: lightning.Trainer, batch: tuple[Any, Tensor], index: int) -> None:
        """Save the offending patches with their labels and keys."""
        images, labels = batch
        loader: Any = trainer.train_dataloader
        batches: KeyBatches = loader.batch_sampler
        keys = batches[index]
        self._failures.mkdir(parents=True, exist_ok=True)
        with (self._failures / f"keys-{trainer.global_rank}.csv").open("w", newline="") as table:
            writer = csv.writer(table, lineterminator="\n")
            writer.writerow(["patch", "slide", "x", "y", "orientation", "scale"])
            for number, key in enumerate(keys):
                writer.writerow([number, self._cases[key.case].slide, *_numbers(key)])
        for number, label in enumerate(labels):
            name = f"{trainer.global_rank}-{number}"
            for view, image in enumerate(images):
                pixels = image[number].permute(1, 2, 0).cpu().numpy()
                Image.fromarray(pixels).save(self._failures / f"{name}-view-{view + 1}.png")
            classes = label.cpu().numpy().astype(np.uint8)
            Image.fromarray(classes).save(self._failures / f"{name}-label.png")


def _numbers(key: PatchKey) -> tuple[float, ...]:
    return key.x, key.y, key.orientation, key.scale
