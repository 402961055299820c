"""What a batch must be like to fit a model."""

import numpy as np
from numpy.typing import NDArray

from carcinomap.model.spec import ModelSpec

Shapes = tuple[tuple[int, ...], ...]
"""Of the arrays (n, h, w, 3) of a batch, one for each view of the model."""


def check_views(views: tuple[NDArray[np.uint8], ...], spec: ModelSpec) -> None:
    """Check that a batch fits a model.

    Raises:
        ValueError: It does not; the message names the size to use.
    """
    if len(views) != len(spec.views):
        raise ValueError(f"{len(views)} views, where the model has {len(spec.views)}")
    for view in views:
        if view.dtype != np.uint8 or view.ndim != 4 or view.shape[3] != 3:
            raise ValueError(f"{view.dtype} {view.shape}, where uint8 (n, h, w, 3) is expected")
        sides = view.shape[1:3]
        if any(side == 0 or side % spec.stride for side in sides):
            height, width = (max(1, -(-side // spec.stride)) * spec.stride for side in sides)
            raise ValueError(
                f"height {sides[0]} and width {sides[1]} must be multiples of {spec.stride}; "
                f"use {height} × {width}"
            )
