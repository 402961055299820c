"""Between validations, the training looks for normal tissue that it takes for cancer."""

from typing import Any, cast

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch.utils.data import DataLoader

from carcinomap.cohort import HardPlaces
from carcinomap.training.batches import KeyBatches
from carcinomap.training.dataset import PatchDataset
from carcinomap.training.mining import mine

LOOKED_AT = 128  # patches after each validation


class HardNegatives(Callback):
    """Lets the sampler draw more from where the network was wrong about normal tissue.

    Args:
        loader: Of the training; its sampler is told.
    """

    def __init__(self, loader: DataLoader[Any]) -> None:
        self._loader = loader

    def on_validation_end(self, trainer: lightning.Trainer, task: Any) -> None:
        """Look at new places of class 0."""
        self._look(trainer, task)

    def on_train_epoch_end(self, trainer: lightning.Trainer, task: Any) -> None:
        """The same, where nothing validates."""
        if not trainer.enable_validation:
            self._look(trainer, task)

    def _look(self, trainer: lightning.Trainer, task: Any) -> None:
        sampler = self._batches.sampler
        candidates = sampler.candidates(trainer.global_step, LOOKED_AT)
        was_training = task.training
        task.eval()
        with torch.no_grad():
            found = mine(
                lambda views: task.predict([view.to(task.device) for view in views]),
                cast(PatchDataset, self._loader.dataset),
                candidates,
            )
        # Processes differ in what their batch normalisation has seen; all draw from the first's.
        sampler.hard_places = trainer.strategy.broadcast(found)
        task.train(was_training)

    def state_dict(self) -> dict[str, Any]:
        """Return the places, as a checkpoint keeps them."""
        # Python's own numbers: a checkpoint is read without trusting any other type.
        places = self._batches.sampler.hard_places.places
        return {"places": [[float(number) for number in place] for place in places]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up the places of a checkpoint."""
        places = ((int(case), x, y, weight) for case, x, y, weight in state["places"])
        self._batches.sampler.hard_places = HardPlaces(tuple(places))

    @property
    def _batches(self) -> KeyBatches:
        return cast(KeyBatches, self._loader.batch_sampler)
