from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carcinomap.cohort import Case
from carcinomap.cohort.folds import classes_of_one_fold, fold_cases
from carcinomap.errors import InputError


def cases(*patients):
    return [Case(Path(f"{i}.svs"), patient=patient) for i, patient in enumerate(patients)]


NAMES = ("benign", "in situ", "invasive")


@st.composite
def cohorts(draw):
    """Return cases with the areas of each, and a number of folds that they suffice for."""
    numbers = draw(st.lists(st.integers(0, 12), min_size=2, max_size=40).filter(several))
    area = st.dictionaries(st.sampled_from(NAMES), st.floats(0, 1e4), max_size=3)
    areas = draw(st.lists(area, min_size=len(numbers), max_size=len(numbers)))
    folds = draw(st.integers(2, len(set(numbers))))
    return cases(*map(str, numbers)), areas, folds


def several(numbers):
    return len(set(numbers)) > 1


@settings(max_examples=60, deadline=None)
@given(cohorts(), st.integers(0, 5))
def test_patients_never_part_and_folds_are_of_one_size(cohort, seed):
    mine, areas, folds = cohort
    numbers = fold_cases(mine, areas, folds, seed)
    fold_of = dict(zip((case.patient for case in mine), numbers, strict=True))
    assert tuple(fold_of[case.patient] for case in mine) == numbers
    sizes = [list(fold_of.values()).count(fold) for fold in range(1, folds + 1)]
    assert min(sizes) >= 1
    assert max(sizes) - min(sizes) <= 1
    assert fold_cases(mine, areas, folds, seed) == numbers


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(8)))
def test_the_order_of_the_cases_does_not_matter(order):
    mine = cases(*"aabcdefg")
    areas = [{"benign": float(i % 3), "invasive": float(i % 2)} for i in range(8)]
    there = fold_cases(mine, areas, 3, 0)
    shuffled = fold_cases([mine[i] for i in order], [areas[i] for i in order], 3, 0)
    assert shuffled == tuple(there[i] for i in order)


def test_every_class_is_in_every_fold_in_its_share():
    mine = cases(*map(str, range(24)))
    areas = [{"rare": 1.0} if i < 3 else {"common": 1.0} for i in range(24)]
    for seed in range(5):
        numbers = fold_cases(mine, areas, 3, seed)
        assert sorted(numbers[:3]) == [1, 2, 3]


def test_a_class_of_two_patients_is_parted_even_where_the_areas_would_rather_not():
    mine = cases("big", "small", *map(str, range(4)))
    areas = [{"rare": 99.0, "common": 4.0}, {"rare": 1.0}, *[{"common": 1.0}] * 4]
    for seed in range(5):
        big, small, *_ = fold_cases(mine, areas, 2, seed)
        assert big != small


def test_seed_decides():
    mine = cases(*map(str, range(12)))
    deals = {fold_cases(mine, [{}] * 12, 3, seed) for seed in range(6)}
    assert len(deals) > 3


def test_too_few_patients_and_too_few_folds():
    with pytest.raises(InputError, match=r"--folds 3: there are only 2 patients"):
        fold_cases(cases("a", "a", "b"), [{}] * 3, 3, 0)
    with pytest.raises(InputError, match="needs at least 2"):
        fold_cases(cases("a", "b"), [{}] * 2, 1, 0)


def test_a_class_of_one_patient_is_told():
    mine = cases("a", "a", "b", "c")
    areas = [{"benign": 1.0, "in situ": 0.0}, {"benign": 2.0}, {"invasive": 1.0}, {"invasive": 1.0}]
    (note,) = classes_of_one_fold(mine, areas, (1, 1, 1, 2))
    assert note.startswith("benign is outlined in fold 1 alone (patient a)")
