"""Which pixels count, and what is true of them."""

from dataclasses import replace

import numpy as np
import pytest

from carcinomap.annotation import IGNORE, ClassScheme, TissueClass
from carcinomap.errors import InputError
from carcinomap.evaluation import Truth
from carcinomap.segmentation import NOT_MAPPED

SIZE = (480, 640)
GLASS = (slice(0, 40), slice(0, 100))  # far from the tissue


def truth_of(workbench, boxes, scheme=None):
    case = workbench.case("s", boxes)
    with case.open_slide() as slide:
        return Truth.of(case, slide, scheme or ClassScheme.default()).window(0, 0, 640, 480, 2.0)


def unmapped():
    return np.full(SIZE, NOT_MAPPED, np.uint8)


def test_tissue_counts_as_the_first_class_and_bare_glass_does_not(workbench):
    truth = truth_of(workbench, [])
    counted = truth.counted(unmapped())
    assert (truth.labels == 0).all()
    assert counted[100:380, 180:540].all()
    assert not counted[GLASS].any()


@pytest.mark.parametrize(("label", "index"), [("invasive", 3), ("Normal", 0)])
def test_an_annotation_counts_on_glass_even_as_the_first_class(workbench, label, index):
    truth = truth_of(workbench, [(label, 10, 10, 60, 30)])
    counted = truth.counted(unmapped())[GLASS]
    expected = np.zeros((40, 100), bool)
    expected[10:30, 10:60] = True
    assert np.array_equal(counted, expected)
    assert (truth.labels[GLASS][expected] == index).all()


@pytest.mark.parametrize(("mapped", "counts"), [(0, False), (NOT_MAPPED, False), (2, True)])
def test_glass_counts_where_the_map_claims_something(workbench, mapped, counts):
    prediction = unmapped()
    prediction[GLASS] = mapped
    assert (truth_of(workbench, []).counted(prediction)[GLASS] == counts).all()


def test_ignored_regions_never_count(workbench):
    truth = truth_of(workbench, [("invasive", 200, 100, 400, 300), ("unsure", 300, 200, 500, 350)])
    counted = truth.counted(np.ones(SIZE, np.uint8))
    assert not counted[200:350, 300:500].any()
    assert (truth.labels[200:350, 300:500] == IGNORE).all()
    assert counted[100:200, 200:400].all()


def test_only_the_region_of_interest_counts(workbench):
    truth = truth_of(workbench, [("roi", 200, 100, 400, 300), ("benign", 350, 250, 500, 380)])
    expected = np.zeros(SIZE, bool)
    expected[100:300, 200:400] = True
    assert np.array_equal(truth.counted(np.ones(SIZE, np.uint8)), expected)
    assert (truth.labels[250:300, 350:400] == 1).all()


def test_later_regions_of_the_first_class_cover_earlier_ones(workbench):
    truth = truth_of(workbench, [("invasive", 200, 100, 400, 300), ("normal", 250, 150, 350, 250)])
    assert (truth.labels[150:250, 250:350] == 0).all()
    assert truth.labels[120, 220] == 3


def test_an_unknown_label_is_refused_with_the_users_own_classes(workbench):
    with pytest.raises(InputError, match="necrosis") as caught:
        truth_of(workbench, [("necrosis", 200, 100, 400, 300)])
    assert "The classes are normal, benign, in situ, invasive." in str(caught.value)


def test_an_unknown_label_may_be_background(workbench):
    scheme = replace(ClassScheme.default(), unknown="background")
    truth = truth_of(workbench, [("necrosis", 200, 100, 400, 300)], scheme)
    assert (truth.labels == 0).all()


def test_more_classes_than_fit_are_refused(workbench):
    classes = tuple(TissueClass(f"class {index}", "#000000") for index in range(254))
    with pytest.raises(InputError, match="at most 253"):
        truth_of(workbench, [], ClassScheme(classes))
