"""What is kept of a training while it runs: the state to resume from, and the best one."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from carcinomap.files import atomic_path
from carcinomap.training.run import Run
from carcinomap.training.watch import BEST

_PATHS = ("best_model_path", "kth_best_model_path", "last_model_path")


class WholeFiles(TorchCheckpointIO):
    """Writes a checkpoint beside the one that it replaces.

    Lightning writes it elsewhere first, and copies it over the old one where that is another disk:
    who is killed then has neither.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint, whole or not at all."""
        content = io.BytesIO()  # a full disk is told by Python's files, and not by PyTorch's
        torch.save(checkpoint, content)
        with atomic_path(path) as temporary:
            temporary.write_bytes(content.getbuffer())


class Checkpoint(ModelCheckpoint):
    """Lightning's, which by itself forgets the best score of a run whose folder has moved.

    Args:
        path: The file to keep, replaced by newer ones.
        monitor: The score whose largest value is kept; None keeps the last state.
    """

    def __init__(self, path: Path, monitor: str | None = None) -> None:
        super().__init__(
            path.parent, path.stem, monitor=monitor, mode="max", enable_version_counter=False
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the state of a checkpoint, wherever it was then."""
        here = {name: self._here(state_dict[name]) for name in _PATHS}
        best = {self._here(path): score for path, score in state_dict["best_k_models"].items()}
        moved = {**here, "best_k_models": best, "dirpath": self.dirpath}
        super().load_state_dict({**state_dict, **moved})

    def _here(self, path: str) -> str:
        return str(Path(self.dirpath or "", Path(path).name)) if path else ""


def checkpoints(run: Run, validates: bool) -> tuple[Checkpoint, ...]:
    """Return what keeps the files of a run.

    Args:
        run: Where.
        validates: Whether there will be scores, so that a state can be the best.
    """
    last = Checkpoint(run.last)  # its own: `save_last` is no newer than the best
    return (Checkpoint(run.best, BEST), last) if validates else (last,)
