"""From patches to a model: data loading, augmentation, the loss and the fit loop.

A sampler says where to look, a dataset reads what is there, the task learns from it; each can
change without the others. Everything random is a function of (seed, step, sample).
"""

from typing import TYPE_CHECKING, Any

from carcinomap.training.settings import TrainingSettings

if TYPE_CHECKING:
    from carcinomap.training.fit import TrainingResult, train

__all__ = ["TrainingResult", "TrainingSettings", "train"]


def __getattr__(name: str) -> Any:
    # Lightning takes seconds to import, which `carcinomap --help` need not wait for.
    if name in ("TrainingResult", "train"):
        from carcinomap.training import fit  # noqa: PLC0415

        return getattr(fit, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
