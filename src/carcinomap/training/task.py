"""One step of training and one of validation, as Lightning wants them."""

import math
import time
from collections.abc import Sequence
from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor

from carcinomap.annotation import IGNORE
from carcinomap.evaluation import Confusion
from carcinomap.model import Network
from carcinomap.training.augmentation import Augmentation, Variation
from carcinomap.training.depthwise import in_full_precision_on_cpu
from carcinomap.training.loss import SegmentationLoss
from carcinomap.training.plan import Plan
from carcinomap.training.validation import PatientConfusion, pooled_scores

WARM_UP = 0.1  # share of the training during which the learning rate rises
START = 0.04  # of the highest learning rate
FINISH = 0.01
SHOWN = 8  # validation patches drawn into the log

Images = Sequence[Tensor]
"""Of a batch, (n, 3, h, w) for each view of the network."""

Batch = tuple[Images, Tensor]

ValidationBatch = tuple[Images, Tensor, Tensor]
"""With the number of each patch's patient, int64 (n,)."""


class SegmentationTask(lightning.LightningModule):
    """Teaches a network to tell the classes apart.

    Args:
        network: It takes images (n, 3, h, w), one for each view, to logits (n, classes, h, w).
        plan: How the training goes.
        validators: Number of patients who validate.
        loss: What the network learns by.
    """

    def __init__(
        self, network: Network, plan: Plan, validators: int, loss: SegmentationLoss
    ) -> None:
        super().__init__()
        # Nearly twice as fast on CPUs, and what tensor cores want.
        self.network = network.module.to(memory_format=torch.channels_last)
        in_full_precision_on_cpu(self.network)
        self._plan = plan
        self._clock = _Clock()
        self._scores: dict[str, Any] = {}
        self._patients: list[Any] = []
        self._loss = loss
        self._augment = Augmentation(Variation.of(plan.settings), plan.settings.seed)
        self._confusion = PatientConfusion(validators, len(plan.scheme))
        for name in ("mean", "std"):
            values = torch.tensor(getattr(network.preprocessing, name)).view(1, 3, 1, 1)
            self.register_buffer(name, values, persistent=False)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimiser; its learning rate is set before every step."""
        settings = self._plan.settings
        if settings.optimiser == "adam":
            return torch.optim.Adam(self.network.parameters(), settings.learning_rate)
        return torch.optim.AdamW(
            self.network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )

    def progress(self) -> float:
        """Return how much of the training is done, 0–1, by steps or by time."""
        steps, minutes = self._plan.steps, self._plan.settings.minutes
        by_steps = self.global_step / steps if steps else 0.0
        by_time = self._seconds() / 60 / minutes if minutes else 0.0
        return min(1.0, max(by_steps, by_time))

    def _seconds(self) -> float:
        """Return how long the training has taken, with all that was before it went on."""
        seconds = self._clock.seconds
        if self._plan.division.processes == 1:
            return seconds
        # The first process's clock is everybody's: rates that differ would part the weights.
        return float(self.trainer.strategy.broadcast(seconds))

    def on_fit_start(self) -> None:
        """Start the clock once everything is ready."""
        self._clock.start()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Set the learning rate, and what is random in the network, by the step alone."""
        place = (self.global_step, self.global_rank, self._part(batch_idx))
        state = np.random.SeedSequence([self._plan.settings.seed, *place]).generate_state(1)
        torch.manual_seed(int(state[0]))
        rate = self._plan.settings.learning_rate * schedule(self.progress())
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate
        self.log("learning_rate", rate)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        images, labels = batch
        samples = self._plan.division.samples(self.global_rank, self._part(batch_idx))
        images, labels = self._augment(_light(images), labels, samples, self.global_step)
        loss: Tensor = self._loss(self._logits(images), labels)
        # Lightning's own count of steps is one too high whenever a training has gone on.
        self.log_dict({"loss": loss, "step": float(self.global_step)})
        return loss

    def validation_step(self, batch: ValidationBatch, batch_idx: int) -> None:
        """Count a batch into the confusion matrices."""
        images, labels, patients = batch
        logits = self._logits(_light(images))
        # The loss on its way to the log is a mean over batches, good enough to see overfitting.
        self.log("val/loss", self._loss(logits, labels), on_epoch=True, batch_size=len(labels))
        predicted = logits.argmax(dim=1)
        self._confusion.update(predicted, labels, patients)
        if batch_idx == 0:
            self._show(images[0], labels, predicted)

    def on_validation_epoch_end(self) -> None:
        """Log the IoU of every class and their mean."""
        matrices = self._confusion.compute().cpu().numpy()
        self._confusion.reset()
        scores = pooled_scores([Confusion(one) for one in matrices], self._plan.scheme)
        of_classes = {f"val/iou/{name}": value for name, value in scores["iou"].items()}
        logged = {"val/mean_iou": scores["mean_iou"], **of_classes, "step": self.global_step}
        self.log_dict({name: float(value) for name, value in logged.items()})
        self._scores = {"step": self.global_step, **scores}
        self._patients = matrices.tolist()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the scores beside the weights that earned them, and the time that it took."""
        checkpoint["scores"] = self._scores
        checkpoint["patients"] = self._patients
        checkpoint["seconds"] = self._clock.seconds

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on counting the time."""
        self._clock = _Clock(float(checkpoint["seconds"]))

    def predict(self, images: Images) -> Tensor:
        """Return the class of every pixel, int64 (n, h, w), for uint8 views (n, 3, h, w)."""
        return self._logits(_light(images)).argmax(dim=1)

    def _part(self, batch_idx: int) -> int:
        return batch_idx % self._plan.division.parts

    def _logits(self, images: Images) -> Tensor:
        mean, std = self.get_buffer("mean"), self.get_buffer("std")
        normalised = ((image - mean) / std for image in images)
        logits: Tensor = self.network(
            *(image.contiguous(memory_format=torch.channels_last) for image in normalised)
        )
        # Losses of half precision would not add up.
        return logits.float()

    def _show(self, images: Tensor, labels: Tensor, predicted: Tensor) -> None:
        """Draw patches with truth and prediction beside them into the log."""
        board: Any = getattr(self.logger, "experiment", None)
        if board is None:
            return
        scheme = self._plan.scheme
        colours = torch.tensor([*scheme.colours_rgb, *[(255, 255, 255)]]).to(images.device)
        white = len(scheme)
        rows = []
        for image, truth, guess in list(zip(images, labels, predicted, strict=True))[:SHOWN]:
            counted = truth != IGNORE
            panels = [torch.where(counted, panel, white) for panel in (truth, guess)]
            drawn = [colours[panel].permute(2, 0, 1).to(torch.uint8) for panel in panels]
            rows.append(torch.cat([image, *drawn], dim=2))
        board.add_images("val/patch, truth, prediction", torch.stack(rows), self.global_step)


class _Clock:
    """Counts seconds, those of an earlier run included."""

    def __init__(self, before: float = 0.0) -> None:
        self._before = before
        self._started: float | None = None

    def start(self) -> None:
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        since = 0.0 if self._started is None else time.monotonic() - self._started
        return self._before + since


def _light(images: Images) -> list[Tensor]:
    """Return images in 0–1."""
    return [image.float() / 255 for image in images]


def schedule(progress: float) -> float:
    """Return the factor of the learning rate: linear warm-up, then half a cosine."""
    if progress < WARM_UP:
        return START + (1 - START) * progress / WARM_UP
    fall = (progress - WARM_UP) / (1 - WARM_UP)
    return FINISH + (1 - FINISH) * (1 + math.cos(math.pi * fall)) / 2
