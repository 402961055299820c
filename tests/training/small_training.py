"""Settings of a training that is over soon."""

from typing import Any

SMALL: dict[str, Any] = {
    "architecture": "unet",
    "encoder": "tu-test_efficientnet",
    "patch": 64,
    "batch": 2,
    "validation_patches": 4,
    "pretrained": False,
    "workers": 0,
}
