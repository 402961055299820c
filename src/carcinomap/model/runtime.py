"""What executes a model, and the choice of it."""

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from carcinomap.annotation import ClassScheme
from carcinomap.slide import View

Views = tuple[NDArray[np.uint8], ...]
"""One batch: an array (n, h, w, 3) of RGB for each view of the model."""


class Runtime(Protocol):
    """Executes a model.

    Attributes:
        classes: What the channels of the output mean.
        views: What the model sees around a point; a batch has one array for each.
        stride: Height and width of the arrays are multiples of it, in pixels.
        side: The only height and width, in pixels, of the arrays; None where any will do.
        batch_pixels: Pixels of the first view that a batch should have for full speed; 0 where
            one tile at a time is as fast.
        at_once: Batches that are computed at the same time.
        any_size: Whether batches of any height and width are as fast as those of one shape.
    """

    classes: ClassScheme
    views: tuple[View, ...]
    stride: int
    side: int | None
    batch_pixels: int
    at_once: int

    @property
    def any_size(self) -> bool:
        """See above; a property, so that it may follow from what is prepared late."""
        ...

    def run(self, batches: Iterable[Views]) -> Iterator[NDArray[np.float32]]:
        """Yield the probabilities of each batch, in order.

        Batches are taken from the iterable before they are needed, so that computing goes on
        while the caller deals with the last result. An exception in the iterable ends the
        iterator. Without ``any_size``, batches of one shape are fastest.

        Args:
            batches: Tuples of uint8 (n, h, w, 3), one array for each view.

        Yields:
            float32 (n, classes, h, w), summing to 1 over the classes.

        Raises:
            ValueError: A batch does not fit the model.
        """
        ...
