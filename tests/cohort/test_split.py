from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carcinomap.cohort import Case, split_by_patient
from carcinomap.errors import InputError


def cases(*patients, splits=None):
    splits = splits or [""] * len(patients)
    return [
        Case(Path(f"{i}.svs"), patient=patient, split=split)
        for i, (patient, split) in enumerate(zip(patients, splits, strict=True))
    ]


def patients_of(result, split):
    return {case.patient for case in result if case.split == split}


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=40), st.integers(0, 5), st.floats(0.05, 0.9)
)
def test_patients_never_part_and_both_sides_have_one(numbers, seed, share):
    mine = cases(*map(str, numbers))
    result = split_by_patient(mine, [{}] * len(mine), share, seed)
    training, validation = patients_of(result, "train"), patients_of(result, "val")
    assert not training & validation
    assert training
    assert bool(validation) == (len(set(numbers)) > 1)
    assert [case.slide for case in result] == [case.slide for case in mine]


def test_seed_decides():
    mine = cases(*map(str, range(20)))
    areas = [{"benign": 1.0}] * 20
    first = split_by_patient(mine, areas, 0.25, 1)
    assert first == split_by_patient(mine, areas, 0.25, 1)
    assert len(patients_of(first, "val")) == 5
    others = {
        frozenset(patients_of(split_by_patient(mine, areas, 0.25, s), "val")) for s in range(9)
    }
    assert len(others) > 3


def test_every_class_validates_in_its_share():
    mine = cases(*map(str, range(20)))
    areas = [{"rare": 1.0} if i < 4 else {"common": 1.0} for i in range(20)]
    for seed in range(5):
        chosen = patients_of(split_by_patient(mine, areas, 0.25, seed), "val")
        assert len(chosen & {"0", "1", "2", "3"}) == 1


def test_one_more_patient_validates_where_only_so_every_class_does():
    mine = cases(*map(str, range(8)))
    areas = [{"benign": 1.0} if i < 4 else {"malignant": 1.0} for i in range(8)]
    for seed in range(5):
        chosen = patients_of(split_by_patient(mine, areas, 0.125, seed), "val")
        assert len(chosen & {"0", "1", "2", "3"}) == 1
        assert len(chosen) == 2
    alike = [{"benign": 1.0, "malignant": 1.0}] * 8
    assert len(patients_of(split_by_patient(mine, alike, 0.125, 0), "val")) == 1


def test_given_splits_are_kept():
    mine = cases("a", "b", "c", "d", splits=["test", "val", "", "train"])
    result = split_by_patient(mine, [{}] * 4, 0.5, 0)
    assert [case.split for case in result] == ["test", "val", "train", "train"]


def test_validation_is_taken_from_training_where_only_that_is_given():
    mine = cases("a", "b", "c", splits=["train"] * 3)
    result = split_by_patient(mine, [{}] * 3, 0.3, 0)
    assert len(patients_of(result, "val")) == 1


def test_one_line_tells_the_split_of_the_patient():
    result = split_by_patient(cases("a", "a", "b", splits=["val", "", ""]), [{}] * 3, 0.5, 0)
    assert [case.split for case in result] == ["val", "val", "train"]


def test_patient_in_two_splits_is_leakage():
    with pytest.raises(InputError, match="patient 'a' stands in the splits 'train' and 'val'"):
        split_by_patient(cases("a", "a", splits=["train", "val"]), [{}] * 2, 0.5, 0)
