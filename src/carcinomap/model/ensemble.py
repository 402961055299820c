"""Several opinions on the same tile: of several models, and of one model on the tile turned."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import tee

import numpy as np
from numpy.typing import NDArray

from carcinomap.errors import InputError
from carcinomap.model.runtime import Runtime, Views

Orientation = tuple[int, bool]
"""Quarter turns, and whether the result is mirrored."""

UPRIGHT: tuple[Orientation, ...] = ((0, False),)
ALL_ORIENTATIONS: tuple[Orientation, ...] = tuple(
    (turns, mirrored) for mirrored in (False, True) for turns in range(4)
)
"""The eight ways in which a tile can lie."""

_Sum = tuple[NDArray[np.float32], NDArray[np.float32]]


def entropy(probabilities: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Return Shannon's entropy, −Σ p ln p, over the classes along an axis, which stays, as one."""
    # The smallest float instead of 0, where p ln p is 0.
    logarithms = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
    logarithms *= probabilities
    return np.asarray(-logarithms.sum(axis=axis, keepdims=True, dtype=np.float32))


class Ensemble:
    """A ``Runtime`` that averages the probabilities of its members.

    Args:
        members: At least one, of the same classes, views and stride.
        orientations: In which each member sees every tile.

    Raises:
        InputError: The members do not fit together.
    """

    def __init__(
        self, members: Sequence[Runtime], orientations: Sequence[Orientation] = UPRIGHT
    ) -> None:
        first = members[0]
        for number, member in enumerate(members[1:], start=2):
            for what in ("classes", "views", "stride"):
                ours, theirs = getattr(first, what), getattr(member, what)
                if ours != theirs:
                    raise InputError(
                        f"models 1 and {number} cannot work together: their {what} differ "
                        f"({_named(ours)} and {_named(theirs)})"
                    )
        self._members = members
        self._orientations = orientations
        self.classes = first.classes
        self.views = first.views
        self.stride = first.stride
        self.side = next((one.side for one in members if one.side), None)  # all have these views
        self.batch_pixels = first.batch_pixels
        self.at_once = first.at_once

    @property
    def any_size(self) -> bool:
        """Whether all members take tiles of any size."""
        return all(member.any_size for member in self._members)

    @classmethod
    def turning(cls, runtime: Runtime) -> "Ensemble":
        """Return a runtime, or the members of an ensemble, in all orientations."""
        members = runtime._members if isinstance(runtime, cls) else [runtime]
        return cls(members, ALL_ORIENTATIONS)

    @property
    def opinions(self) -> int:
        """How many opinions there are on every tile."""
        return len(self._members) * len(self._orientations)

    def run(self, batches: Iterable[Views]) -> Iterator[NDArray[np.float32]]:
        """See ``Runtime.run``."""
        for mean, _ in self._poll(batches, doubts=False):
            yield mean

    def run_with_entropy(self, batches: Iterable[Views]) -> Iterator[NDArray[np.float32]]:
        """Yield the mean probabilities and, as another channel, the opinions' mean entropy.

        The entropy of the mean less the mean entropy is what the opinions disagree about (their
        mutual information: Houlsby et al. 2011, arXiv:1112.5745).

        Yields:
            float32 (n, classes + 1, h, w).
        """
        for mean, doubt in self._poll(batches, doubts=True):
            yield np.concatenate([mean, doubt], axis=1)

    def _poll(self, batches: Iterable[Views], doubts: bool) -> Iterator[_Sum]:
        copies = tee(batches, len(self._members))
        polls = [
            self._of_member(member, copy, doubts)
            for member, copy in zip(self._members, copies, strict=True)
        ]
        for sums in zip(*polls, strict=True):
            mean, doubt = sums[0]
            for probabilities, entropies in sums[1:]:
                mean += probabilities
                doubt += entropies
            mean /= self.opinions
            doubt /= self.opinions
            yield mean, doubt

    def _of_member(self, member: Runtime, batches: Iterable[Views], doubts: bool) -> Iterator[_Sum]:
        """Yield a member's sums over the orientations, of probabilities and of entropies."""
        turned = (
            tuple(_turn(view, orientation, (1, 2)) for view in views)
            for views in batches
            for orientation in self._orientations
        )
        total, doubt = np.empty(0, np.float32), np.zeros(1, np.float32)
        for number, probabilities in enumerate(member.run(turned)):
            which = number % len(self._orientations)
            upright = _turn_back(probabilities, self._orientations[which], (2, 3))
            of_this = entropy(upright, axis=1) if doubts else np.zeros(1, np.float32)
            total, doubt = (
                (upright.copy(), of_this) if which == 0 else (total + upright, doubt + of_this)
            )
            if which == len(self._orientations) - 1:
                yield total, doubt


def _turn(image: NDArray[np.uint8], to: Orientation, axes: tuple[int, int]) -> NDArray[np.uint8]:
    turns, mirrored = to
    turned = np.rot90(image, turns, axes)
    return np.ascontiguousarray(np.flip(turned, axes[1]) if mirrored else turned)


def _turn_back(
    values: NDArray[np.float32], to: Orientation, axes: tuple[int, int]
) -> NDArray[np.float32]:
    turns, mirrored = to
    return np.rot90(np.flip(values, axes[1]) if mirrored else values, -turns, axes)


def _named(value: object) -> str:
    names = getattr(value, "names", None)
    return ", ".join(names) if names else str(value)
