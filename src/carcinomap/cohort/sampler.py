"""Class-balanced keys over polygons and tissue, each a function of (seed, step, sample)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.random import Generator
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from carcinomap.annotation import IGNORE, ClassScheme
from carcinomap.cohort.keys import PatchKey
from carcinomap.cohort.sources import PatchSource
from carcinomap.errors import InputError
from carcinomap.slide import View

TRIES = 100
JITTER = 0.25  # of the patch's side: lesions are seen off centre too


class PatchSampler:
    """Draws the places to train on.

    A class is drawn first, all equally likely; then, by area, one of its polygons (for class 0:
    tissue that nobody outlined, or a polygon of class 0); then a point in it, moved a little, an
    orientation and a scale.

    Args:
        sources: The cases to draw from.
        scheme: The classes.
        view: The patch.
        seed: Two samplers of one seed draw the same keys.
        scale_jitter: Keys' scales lie between 1 / (1 + jitter) and 1 + jitter.

    Raises:
        InputError: There is neither tissue nor a polygon in the sources.
    """

    def __init__(
        self,
        sources: Sequence[PatchSource],
        scheme: ClassScheme,
        view: View,
        seed: int,
        scale_jitter: float = 0.0,
    ) -> None:
        self._scheme = scheme
        self._view = view
        self._seed = seed
        self._scale_jitter = scale_jitter
        self._polygons = _polygons_by_class(sources, scheme, view)
        self._tissue = _Tissue(sources)
        self.classes = tuple(
            index
            for index in range(len(scheme))
            if index in self._polygons or (index == 0 and self._tissue.area > 0)
        )
        if not self.classes:
            raise InputError("no tissue and no outlined region to take patches from")

    def key(self, step: int, sample: int) -> PatchKey:
        """Return the key of one sample of one step.

        Raises:
            InputError: No patch can be placed where patches may lie.
        """
        random = np.random.default_rng((self._seed, step, sample))
        scale = (1 + self._scale_jitter) ** random.uniform(-1, 1)
        orientation = int(random.integers(8))
        for _ in range(TRIES):
            source, x, y = self._point(random.choice(self.classes), random)
            half = self._view.size * self._view.mpp * scale / source.mpp / 2
            shift = random.uniform(-2 * half * JITTER, 2 * half * JITTER, 2)
            x = _clamp(x + shift[0], half, source.width)
            y = _clamp(y + shift[1], half, source.height)
            if source.allows(x, y, half):
                return PatchKey(source.case, round(x, 2), round(y, 2), orientation, round(scale, 4))
        raise InputError(
            f"no room for patches of {self._view.size} pixels at {self._view.mpp:g} mpp beside "
            "the part that validates; take a smaller --patch"
        )

    def batch(self, step: int, size: int) -> list[PatchKey]:
        """Return the keys of one step."""
        return [self.key(step, sample) for sample in range(size)]

    def _point(self, index: int, random: Generator) -> tuple[PatchSource, float, float]:
        """Return a point of a class, on tissue, that a later region does not cover."""
        for _ in range(TRIES):
            polygons = self._polygons.get(index)
            if index == 0 and (polygons is None or random.random() < self._tissue_share(polygons)):
                source, x, y = self._tissue.point(random)
            else:
                assert polygons is not None  # a class is drawn only if it has an area  # noqa: S101
                source, x, y = polygons.point(random)
            if source.is_tissue(x, y) and source.label_at(x, y, self._scheme) == index:
                break
        return source, x, y

    def _tissue_share(self, polygons: "_Polygons") -> float:
        return self._tissue.area / (self._tissue.area + polygons.area)


@dataclass(frozen=True)
class _Polygons:
    """The polygons of one class, drawn in proportion to their area in µm²."""

    members: tuple[tuple[PatchSource, BaseGeometry], ...]
    cumulated: NDArray[np.float64]

    @property
    def area(self) -> float:
        return float(self.cumulated[-1])

    def point(self, random: Generator) -> tuple[PatchSource, float, float]:
        place = np.searchsorted(self.cumulated, random.random() * self.area, side="right")
        source, geometry = self.members[min(int(place), len(self.members) - 1)]
        left, top, right, bottom = geometry.bounds
        x = random.uniform(left, right, TRIES)
        y = random.uniform(top, bottom, TRIES)
        hits = np.flatnonzero(shapely.contains_xy(geometry, x, y))
        if hits.size:
            return source, float(x[hits[0]]), float(y[hits[0]])
        inner = geometry.representative_point()  # a shape so thin that no throw hit it
        return source, inner.x, inner.y


def _polygons_by_class(
    sources: Sequence[PatchSource], scheme: ClassScheme, view: View
) -> dict[int, _Polygons]:
    """Collect, per class, the polygons' parts where a patch may be centred."""
    found: dict[int, list[tuple[PatchSource, BaseGeometry, float]]] = {}
    for source in sources:
        half = view.size * view.mpp / source.mpp / 2
        for index, geometry in source.annotations.polygons(scheme):
            part = source.allowed(geometry, half)
            if index != IGNORE and part.area > 0:
                shapely.prepare(part)
                area = part.area * source.mpp**2
                found.setdefault(index, []).append((source, part, area))
    return {
        index: _Polygons(
            tuple((source, geometry) for source, geometry, _ in members),
            np.cumsum([area for *_, area in members]),
        )
        for index, members in found.items()
    }


class _Tissue:
    """Tissue of all sources, every spot equally likely. Keeps a number per mask row, no more."""

    def __init__(self, sources: Sequence[PatchSource]) -> None:
        self._sources = sources
        self._rows = [np.cumsum(source.tissue.mask.sum(axis=1)) for source in sources]
        self._cumulated = np.cumsum([source.tissue.area_mm2 * 1e6 for source in sources])
        self.area = float(self._cumulated[-1]) if sources else 0.0

    def point(self, random: Generator) -> tuple[PatchSource, float, float]:
        place = int(np.searchsorted(self._cumulated, random.random() * self.area, side="right"))
        place = min(place, len(self._sources) - 1)
        source, rows = self._sources[place], self._rows[place]
        row = int(np.searchsorted(rows, random.integers(rows[-1]), side="right"))
        column = random.choice(np.flatnonzero(source.tissue.mask[row]))
        cell = source.tissue.mpp / source.mpp
        x, y = (column + random.random()) * cell, (row + random.random()) * cell
        return source, min(x, source.width - 1), min(y, source.height - 1)


def grid_keys(
    source: PatchSource, scheme: ClassScheme, view: View, least: float = 0.05
) -> list[PatchKey]:
    """Return keys that cover a source, where there is tissue or an outlined region.

    Args:
        source: The case; only patches that it allows are returned.
        scheme: The classes.
        view: The patch.
        least: Smallest share of the patch that must be tissue or outlined.
    """
    side = view.size * view.mpp / source.mpp
    left, top, right, bottom = 0.0, 0.0, float(source.width), float(source.height)
    if source.inside is not None:
        block = source.inside
        left, top, right, bottom = block.left, block.top, block.right, block.bottom
    keys = []
    for y in _centres(top, bottom, side):
        for x in _centres(left, right, side):
            corner = (x - side / 2, y - side / 2)
            label = source.annotations.label_image(*corner, 32, 32, side / 32, scheme)
            outlined = np.count_nonzero((label > 0) & (label != IGNORE)) / label.size
            if max(source.tissue.fraction(*corner, side, side), outlined) >= least:
                keys.append(PatchKey(source.case, x, y))
    return keys


def _centres(start: float, stop: float, side: float) -> list[float]:
    """Return centres of as few patches as cover a length, spread evenly from end to end."""
    count = math.ceil((stop - start) / side - 1e-6)
    if count <= 1:
        return [(start + stop) / 2]
    step = (stop - start - side) / (count - 1)
    return [start + side / 2 + i * step for i in range(count)]


def _clamp(centre: float, half: float, size: float) -> float:
    """Move a centre so that its patch lies on the slide, as far as the slide is large enough."""
    if size <= 2 * half:
        return size / 2
    return min(max(centre, half), size - half)
