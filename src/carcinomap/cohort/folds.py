"""Which fold of a cross-validation holds which case out: whole patients, classes in balance."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from carcinomap.cohort.case import Case
from carcinomap.errors import InputError

CANDIDATES = 500


def fold_cases(
    cases: Sequence[Case], areas: Sequence[dict[str, float]], folds: int, seed: int
) -> tuple[int, ...]:
    """Say which fold holds each case out.

    Patients are dealt to folds of equal size, give or take one. Of many random deals the one is
    taken in which the fewest classes lie in a single fold, and of those the one whose folds hold
    most nearly the same share of every class's area.

    Args:
        cases: The cases, in any order.
        areas: For each case the outlined area of each class, in mm².
        folds: How many.
        seed: Seed of the deals.

    Returns:
        For each case the number of its fold, from 1; each fold has a patient.

    Raises:
        InputError: There are fewer than two folds, or fewer patients than folds.
    """
    patients = sorted({case.patient for case in cases})
    if folds < 2:
        raise InputError(f"--folds {folds}: cross-validation needs at least 2")
    if len(patients) < folds:
        raise InputError(
            f"--folds {folds}: there are only {len(patients)} patients to hold out, and slides of "
            "one patient stay together; take fewer folds"
        )
    table = _areas_of(patients, cases, areas)
    random = np.random.default_rng(seed)
    dealt = np.arange(len(patients)) % folds
    deals = [random.permutation(dealt) for _ in range(CANDIDATES)]
    best = min(deals, key=lambda deal: _imbalance(table, deal, folds))
    fold_of = dict(zip(patients, best.tolist(), strict=True))
    return tuple(fold_of[case.patient] + 1 for case in cases)


def classes_of_one_fold(
    cases: Sequence[Case], areas: Sequence[dict[str, float]], folds: Sequence[int]
) -> tuple[str, ...]:
    """Return a note on every class that a single fold holds: what it holds out, it never learns.

    Args:
        cases: The cases.
        areas: For each case the outlined area of each class, in mm².
        folds: For each case the number of its fold.
    """
    holders: dict[str, set[tuple[int, str]]] = {}
    for case, area, fold in zip(cases, areas, folds, strict=True):
        for name in (name for name, value in area.items() if value > 0):
            holders.setdefault(name, set()).add((fold, case.patient))
    notes = []
    for name, places in sorted(holders.items()):
        if len({fold for fold, _ in places}) == 1:
            patients = ", ".join(sorted(patient for _, patient in places))
            notes.append(
                f"{name} is outlined in fold {min(places)[0]} alone (patient {patients}), whose "
                "model never learns it: the score of this class, out of fold, is not the ensemble's"
            )
    return tuple(notes)


def _areas_of(
    patients: Sequence[str], cases: Sequence[Case], areas: Sequence[dict[str, float]]
) -> NDArray[np.float64]:
    """Return the area of every class, (patients, classes), as a share of the class's whole."""
    row = {patient: index for index, patient in enumerate(patients)}
    column = {name: index for index, name in enumerate(sorted({n for area in areas for n in area}))}
    table = np.zeros((len(row), len(column)))
    for case, area in zip(cases, areas, strict=True):
        for name, value in area.items():
            table[row[case.patient], column[name]] += value
    table = table[:, table.sum(axis=0) > 0]
    return np.asarray(table / table.sum(axis=0))


def _imbalance(table: NDArray[np.float64], deal: NDArray[np.intp], folds: int) -> tuple[int, float]:
    """Return how many classes one fold has for itself, and how far all shares are off."""
    shares = np.stack([table[deal == fold].sum(axis=0) for fold in range(folds)])
    alone = int(np.count_nonzero((shares > 0).sum(axis=0) == 1))
    return alone, float(np.abs(shares - 1 / folds).sum())
