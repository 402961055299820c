"""The kinds of places that patches are centred on, and how many patches each gets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from numpy.random import Generator

from carcinomap.annotation import ClassScheme
from carcinomap.cohort.sampling.hard import HardPlace
from carcinomap.cohort.sampling.outlines import outlines_by_class
from carcinomap.cohort.sampling.place import Place
from carcinomap.cohort.sampling.strategy import Sampling, Spread
from carcinomap.cohort.sampling.tissue import bare_tissue
from carcinomap.cohort.sampling.weighted import Weighted
from carcinomap.cohort.sources import PatchSource
from carcinomap.slide import View

GROUPS = 5
TRIES = 20  # in a group of places, before another is drawn


@dataclass(frozen=True)
class Kind:
    """Places that are drawn from alike.

    Attributes:
        index: Their class.
        share: How likely the kind is beside others.
        groups: One is drawn and kept; within it, a place that turns out to be useless is drawn
            anew, so that places count by what of them is of use.
        settled: Whether a patch must be centred on the class even after it was moved.
    """

    index: int
    share: float
    groups: Weighted[Weighted[Place]]
    settled: bool = False

    def draw(self, random: Generator) -> Iterator[Place]:
        """Yield places to try, one after another, until there is no hope."""
        for _ in range(GROUPS):
            group = self.groups.pick(random)
            for _ in range(TRIES):
                yield group.pick(random)


def kinds_of(
    sources: Sequence[PatchSource], scheme: ClassScheme, view: View, sampling: Sampling
) -> tuple[Kind, ...]:
    """Return the kinds there are in some sources; ``sampling`` says how large their shares are."""
    outlined = outlines_by_class(sources, scheme, view)
    tissue = bare_tissue(sources, scheme, view)
    weights = {index: sum(o.weight for o in outlines) for index, outlines in outlined.items()}
    shares, of_tissue = _shares(weights, sum(t.weight for t in tissue), sampling.background)
    kinds = [
        Kind(index, shares[index], _grouped(outlines, sampling.slides, sampling.polygons))
        for index, outlines in outlined.items()
        if shares[index] > 0
    ]
    if of_tissue > 0:
        kinds.append(Kind(0, of_tissue, _grouped(tissue, sampling.slides, "area")))
    return tuple(kinds)


def with_hard(kinds: Sequence[Kind], hard: Sequence[HardPlace], share: float) -> tuple[Kind, ...]:
    """Give a share of the patches of class 0 to hard places."""
    of_class_0 = sum(kind.share for kind in kinds if kind.index == 0)
    if not hard or share * of_class_0 == 0:
        return tuple(kinds)
    left = (
        replace(kind, share=kind.share * (1 - share)) if kind.index == 0 else kind for kind in kinds
    )
    groups = _grouped(hard, "area", "area")
    return *left, Kind(0, share * of_class_0, groups, settled=True)


def _shares(
    weights: dict[int, float], tissue: float, background: float | None
) -> tuple[dict[int, float], float]:
    """Return the share of every outlined class, and that of tissue nobody outlined.

    Args:
        weights: Areas of the outlined classes.
        tissue: Area of the tissue.
        background: As ``Sampling`` has it.
    """
    if not tissue or not weights:
        return dict.fromkeys(weights, 1.0), 1.0 if tissue else 0.0
    if background is not None:
        return dict.fromkeys(weights, (1 - background) / len(weights)), background
    bare = tissue / (tissue + weights.get(0, 0.0))
    return {index: 1.0 if index else 1 - bare for index in weights}, bare


def _grouped(
    places: Sequence[Place], slides: Spread, polygons: Spread
) -> Weighted[Weighted[Place]]:
    """Group places so that slides, and places of a slide, come up as often as asked."""
    if slides == polygons == "area":
        return Weighted([_by_weight(places)], [1.0])
    of_slide: dict[int, list[Place]] = {}
    for place in places:
        of_slide.setdefault(place.source.case, []).append(place)
    groups: list[Weighted[Place]] = []
    weights: list[float] = []
    for mine in of_slide.values():
        weight = sum(place.weight for place in mine) if slides == "area" else 1.0
        parts = [mine] if polygons == "area" else [[place] for place in mine]
        groups += map(_by_weight, parts)
        weights += [weight / len(parts)] * len(parts)
    return Weighted(groups, weights)


def _by_weight(places: Sequence[Place]) -> Weighted[Place]:
    return Weighted(places, [place.weight for place in places])
