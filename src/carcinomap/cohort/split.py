"""Which cases validate: whole patients, or a block of each slide where there is one patient."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from carcinomap.annotation import IGNORE, ClassScheme
from carcinomap.cohort.case import Case
from carcinomap.cohort.sources import Block, PatchSource
from carcinomap.errors import InputError

CANDIDATES = 500
MORE = 2  # patients than asked for, where every class can validate only so
BLOCK_SHARES = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
KNOWN = 0.05  # share of a class that a side needs to know it


def check_patients(cases: Sequence[Case]) -> None:
    """Raise an InputError where a patient stands in two splits: that would be leakage."""
    split_of: dict[str, str] = {}
    for case in cases:
        if case.split and split_of.setdefault(case.patient, case.split) != case.split:
            raise InputError(
                f"patient {case.patient!r} stands in the splits {split_of[case.patient]!r} and "
                f"{case.split!r} (slide {case.name}); a patient belongs to one"
            )


def split_by_patient(
    cases: Sequence[Case], areas: Sequence[dict[str, float]], share: float, seed: int
) -> tuple[Case, ...]:
    """Decide the cases without a split: about ``share`` of the patients validate.

    Of many random choices the one is taken that leaves the most classes on both sides, with the
    fewest patients, and whose validation patients hold most nearly the same share of every
    class's area: what does not validate cannot choose the best step. Splits that are given are
    kept; where they already name validation patients, all others train.

    Args:
        cases: The cases.
        areas: For each case the outlined area of each class, in mm².
        share: Share of the patients that validate; 0 for none.
        seed: Seed of the choices.

    Returns:
        The cases, each with a split. None validates where fewer than two patients train,
        or none is to.

    Raises:
        InputError: A patient stands in two splits.
    """
    check_patients(cases)
    told = {case.patient: case.split for case in cases if case.split}
    open_patients = sorted({case.patient for case in cases} - set(told))
    chosen: set[str] = set()
    if "val" not in told.values():
        pool = open_patients or sorted(p for p, split in told.items() if split == "train")
        training = set(pool) | {p for p, split in told.items() if split == "train"}
        if share and len(training) > 1:
            chosen = _choose(pool, len(training), _per_patient(cases, areas), share, seed)
    return tuple(
        replace(case, split="val" if case.patient in chosen else told.get(case.patient, "train"))
        for case in cases
    )


def _per_patient(
    cases: Sequence[Case], areas: Sequence[dict[str, float]]
) -> dict[str, dict[str, float]]:
    total: dict[str, dict[str, float]] = {}
    for case, area in zip(cases, areas, strict=True):
        mine = total.setdefault(case.patient, {})
        for name, value in area.items():
            mine[name] = mine.get(name, 0.0) + value
    return total


def _choose(
    pool: list[str], training: int, areas: dict[str, dict[str, float]], share: float, seed: int
) -> set[str]:
    """Return the patients of the best of many random choices."""
    names = sorted({name for patient in pool for name in areas[patient]})
    table = np.array([[areas[patient].get(name, 0.0) for name in names] for patient in pool])
    table = table.reshape(len(pool), len(names))
    total = np.maximum(table.sum(axis=0), 1e-12)
    fewest = min(max(1, round(share * training)), len(pool), training - 1)
    most = max(fewest, min(fewest + MORE, len(pool), training // 2))
    random = np.random.default_rng(seed)
    choices = [
        random.permutation(len(pool))[:count]
        for count in range(fewest, most + 1)
        for _ in range(CANDIDATES)
    ]

    def worse(choice: NDArray[np.int_]) -> tuple[int, int, float]:
        shares = table[choice].sum(axis=0) / total
        return _one_sided(shares), len(choice), float(np.abs(shares - share).sum())

    return {pool[i] for i in min(choices, key=worse)}


def _one_sided(shares: NDArray[np.float64]) -> int:
    """Return how many classes hardly anything of lies on one of two sides."""
    return int(((shares < KNOWN) | (shares > 1 - KNOWN)).sum())


def spatial_block(source: PatchSource, scheme: ClassScheme) -> Block:
    """Return the strip along one side of a slide that validates.

    As many classes as possible (tissue that nobody outlined is class 0) lie on both sides of the
    cut; of such strips, the one is taken whose share of every class comes nearest to a quarter.
    """
    mask = source.tissue.mask
    cell = source.tissue.mpp / source.mpp
    label = source.annotations.label_image(0, 0, mask.shape[1], mask.shape[0], cell, scheme)
    counted = (mask | (label > 0)) & (label != IGNORE)
    maps = np.stack([counted & (label == index) for index in range(len(scheme))])
    total = np.maximum(maps.sum(axis=(1, 2)), 1)
    there = total > 1
    best, least = Block(0, 0, source.width, source.height), (np.inf, np.inf)
    for block in _strips(counted, cell, source):
        rows = slice(int(block.top / cell), int(np.ceil(block.bottom / cell)))
        columns = slice(int(block.left / cell), int(np.ceil(block.right / cell)))
        shares = (maps[:, rows, columns].sum(axis=(1, 2)) / total)[there]
        off = (_one_sided(shares), float(np.abs(shares - 0.25).sum()))
        if off < least:
            best, least = block, off
    return best


def _strips(counted: NDArray[np.bool_], cell: float, source: PatchSource) -> Iterator[Block]:
    """Yield strips along each side that hold the shares ``BLOCK_SHARES`` of what counts."""
    width, height = source.width, source.height
    for share in BLOCK_SHARES:
        for axis in (0, 1):
            grown = np.cumsum(counted.sum(axis=axis))
            near, far = (
                float(np.searchsorted(grown, s * grown[-1]) * cell) for s in (share, 1 - share)
            )
            if axis == 0:
                yield Block(0, 0, near, height)
                yield Block(far, 0, width, height)
            else:
                yield Block(0, 0, width, near)
                yield Block(0, far, width, height)
