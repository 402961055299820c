"""Keys to train on, each a function of (seed, step, sample) and hard places."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.random import Generator

from carcinomap.annotation import ClassScheme
from carcinomap.cohort.keys import PatchKey
from carcinomap.cohort.sampling.hard import HardPlaces, located
from carcinomap.cohort.sampling.kinds import Kind, kinds_of, with_hard
from carcinomap.cohort.sampling.place import Place
from carcinomap.cohort.sampling.strategy import Sampling
from carcinomap.cohort.sampling.weighted import Weighted
from carcinomap.cohort.sources import PatchSource
from carcinomap.errors import InputError
from carcinomap.slide import View

CANDIDATE = 1  # ends the seeds of candidates, which else were those of keys


class PatchSampler:
    """Draws the places to train on.

    A patch is centred, before it is moved by the jitter, on tissue of the class it was drawn for;
    it lies on the slide wherever that is large enough, and where its source allows it.

    Args:
        sources: The cases to draw from.
        scheme: The classes.
        view: The patch.
        seed: Two samplers of one seed draw the same keys.
        sampling: How the places are drawn.

    Raises:
        InputError: There is no tissue in the sources, or no patch may be centred on it.
    """

    def __init__(
        self,
        sources: Sequence[PatchSource],
        scheme: ClassScheme,
        view: View,
        seed: int,
        sampling: Sampling | None = None,
    ) -> None:
        self._sources = sources
        self._scheme = scheme
        self._view = view
        self._seed = seed
        self._sampling = sampling or Sampling()
        self._plain = kinds_of(sources, scheme, view, self._sampling)
        if not any(source.tissue.area_mm2 for source in sources):
            raise InputError("no tissue to take patches from")
        if not self._plain:
            raise self._no_room()
        self.hard_places = HardPlaces()

    @property
    def classes(self) -> tuple[int, ...]:
        """The classes that patches are drawn for, in order."""
        return tuple(sorted({kind.index for kind in self._plain}))

    @property
    def hard_places(self) -> HardPlaces:
        """Where class 0 is hard to tell; keys drawn from now on depend on it."""
        return self._hard_places

    @hard_places.setter
    def hard_places(self, hard: HardPlaces) -> None:
        places = located(hard, self._sources, self._scheme)
        self._kinds = with_hard(self._plain, places, self._sampling.hard)
        self._hard_places = hard

    def key(self, step: int, sample: int) -> PatchKey:
        """Return the key of one sample of one step.

        Raises:
            InputError: No patch finds room.
        """
        random = np.random.default_rng((self._seed, step, sample))
        scale = round((1 + self._sampling.scale_jitter) ** random.uniform(-1, 1), 4)
        orientation = int(random.integers(8))
        for fitting in (scale, 1.0):  # in a narrow place, only the latter may find room
            key = self._draw(random, self._kinds, self._sampling.jitter, orientation, fitting)
            if key is not None:
                return key
        raise self._no_room()

    def batch(self, step: int, size: int) -> list[PatchKey]:
        """Return the keys of one step."""
        return [self.key(step, sample) for sample in range(size)]

    def candidates(self, number: int, count: int) -> list[PatchKey]:
        """Return upright keys centred on class 0, of which some may be hard places.

        Args:
            number: Which time this is; every time has its own.
            count: How many there are, unless they find no room.
        """
        kinds = [replace(kind, settled=True) for kind in self._plain if kind.index == 0]
        randoms = (
            np.random.default_rng((self._seed, number, sample, CANDIDATE))
            for sample in range(count)
        )
        drawn = (self._draw(random, kinds, 0.0) for random in randoms)
        return [key for key in drawn if key is not None]

    def _no_room(self) -> InputError:
        return InputError(
            f"no room for patches of {self._view.size} pixels at {self._view.mpp:g} mpp on the "
            "tissue beside the part that validates; take a smaller --patch"
        )

    def _draw(
        self,
        random: Generator,
        kinds: Sequence[Kind],
        jitter: float,
        orientation: int = 0,
        scale: float = 1.0,
    ) -> PatchKey | None:
        """Draw a kind and a place of it; another kind only where none of its places will do."""
        side = self._view.size * self._view.mpp * scale
        left = list(kinds)
        while left:
            kind = Weighted(left, [kind.share for kind in left]).pick(random)
            for place in kind.draw(random):
                centre = _centre(place, side / place.source.mpp, jitter, kind.settled, random)
                if centre is not None:
                    return PatchKey(place.source.case, *centre, orientation, scale)
            left.remove(kind)
        return None


def _centre(
    place: Place, side: float, jitter: float, settled: bool, random: Generator
) -> tuple[float, float] | None:
    """Draw the centre of a patch; None where it may not lie there or the place is useless there."""
    source = place.source
    drawn = place.point(random)
    shift = random.uniform(-jitter * side, jitter * side, 2)
    x = round(_clamp(drawn[0] + shift[0], side / 2, source.width), 2)
    y = round(_clamp(drawn[1] + shift[1], side / 2, source.height), 2)
    good = (
        source.allows(x, y, side / 2) and place.holds(*drawn) and (not settled or place.holds(x, y))
    )
    return (x, y) if good else None


def _clamp(centre: float, half: float, size: float) -> float:
    """Move a centre so that its patch lies on the slide, as far as the slide is large enough."""
    if size <= 2 * half:
        return size / 2
    return min(max(centre, half), size - half)
