"""Which slide has which class map, and whether those maps can be scored together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Case, Cohort
from carcinomap.errors import CarcinomapError, InputError
from carcinomap.segmentation import ClassMap


@dataclass(frozen=True)
class Pair:
    """An annotated slide and its class map.

    Attributes:
        case: The annotated slide.
        path: The class map.
        classes: The map's classes.
        mpp: Microns per pixel of the map.
        pixels: Width × height of the map.
    """

    case: Case
    path: Path
    classes: ClassScheme
    mpp: float
    pixels: int


@dataclass(frozen=True)
class Pairing:
    """What of a cohort can be scored, and what is left out and why.

    Attributes:
        pairs: Annotated slides with a map, at least one; all maps of one mpp and one scheme.
        scheme: The classes to score.
        unmapped: Names of the annotated slides that have no map.
        unannotated: Names of the slides that have no annotation.
        failures: Why a map cannot be read, by the name of its slide.
    """

    pairs: tuple[Pair, ...]
    scheme: ClassScheme
    unmapped: tuple[str, ...]
    unannotated: tuple[str, ...]
    failures: dict[str, str]


def pair_with_maps(cohort: Cohort, predictions: Path, scheme: ClassScheme | None) -> Pairing:
    """Find the map ``NAME.ome.tif`` of every annotated slide ``NAME``.

    Args:
        cohort: The slides.
        predictions: Folder of the maps.
        scheme: The classes; the maps' own where None.

    Raises:
        InputError: No annotated slide has a map that can be read; or the maps differ in classes
            from the scheme or from one another, or in mpp.
    """
    annotated = [case for case in cohort.cases if case.annotation is not None]
    if not annotated:
        raise InputError(f"{cohort.source}: no slide has an annotation to compare a map with")
    paths = [(case, predictions / f"{case.name}.ome.tif") for case in annotated]
    mapped = [(case, path) for case, path in paths if path.exists()]
    if not mapped:
        raise InputError(
            f"{predictions}: no map of any annotated slide of {cohort.source}; "
            f"expected files like {paths[0][1].name}"
        )
    pairs, failures = _read_heads(mapped)
    if not pairs:
        raise InputError("no map can be read:\n" + "\n".join(failures.values()))
    _check_alike(pairs, scheme)
    return Pairing(
        pairs=tuple(pairs),
        scheme=scheme or pairs[0].classes,
        unmapped=tuple(case.name for case, path in paths if not path.exists()),
        unannotated=tuple(case.name for case in cohort.cases if case.annotation is None),
        failures=failures,
    )


def _read_heads(mapped: Iterable[tuple[Case, Path]]) -> tuple[list[Pair], dict[str, str]]:
    """Return the maps that open, and the error of each that does not."""
    pairs: list[Pair] = []
    failures: dict[str, str] = {}
    for case, path in mapped:
        try:
            with ClassMap.open(path) as head:
                pairs.append(Pair(case, path, head.classes, head.mpp, head.width * head.height))
        except (CarcinomapError, OSError) as error:
            failures[case.name] = str(error)
    return pairs, failures


def _check_alike(pairs: list[Pair], scheme: ClassScheme | None) -> None:
    """Raise InputError unless all maps have the scheme's classes, in its order, and one mpp."""
    first = pairs[0]
    expected, origin = (first.classes, first.path) if scheme is None else (scheme, "--classes")
    for pair in pairs:
        names = pair.classes.names
        if [expected.index(name) for name in names] != list(range(len(expected))):
            raise InputError(
                f"{pair.path}: its classes ({', '.join(names)}) are not those of "
                f"{origin} ({', '.join(expected.names)})"
            )
        if abs(pair.mpp / first.mpp - 1) > 1e-6:
            raise InputError(
                f"{pair.path}: {pair.mpp:g} mpp, but {first.path} has {first.mpp:g}; "
                "pixels of different size cannot be pooled, so evaluate these maps apart"
            )
