"""Predictions found for slides: maps, or a second reader's annotations."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from carcinomap.annotation import ClassScheme, TissueClass
from carcinomap.cohort import Cohort, read_cohort
from carcinomap.errors import InputError
from carcinomap.evaluation import evaluate_case
from carcinomap.evaluation.pairing import pair_with_predictions
from carcinomap.evaluation.settings import EvaluationSettings

SCHEME = ClassScheme.default()
BOXES = [("in situ", 200, 100, 300, 200), ("invasive", 320, 200, 500, 360)]
AT_2 = EvaluationSettings(mpp=2.0)


@pytest.fixture
def second(workbench):
    """Write a second reader's annotation into a folder of hers."""
    other = replace(workbench, folder=workbench.folder / "second")
    other.folder.mkdir()

    def write(name, boxes):
        case = other.case(name, boxes)
        case.slide.unlink()
        return case.annotation

    return write


def pair(workbench, *cases, folder="second", scheme=None, settings=AT_2, roi=(), own=None):
    cohort = Cohort(workbench.folder, cases, scheme=own)
    return pair_with_predictions(cohort, workbench.folder / folder, scheme, settings, roi)


def score(pairing):
    (one,) = pairing.pairs
    with one.open() as prediction:
        return evaluate_case(one.case, prediction, pairing.scheme).counts.confusion


def test_a_slide_goes_with_the_annotation_of_its_name(workbench, second):
    cases = [workbench.case(name, BOXES) for name in "ab"]
    paths = [second(name, BOXES) for name in "ab"]
    pairing = pair(workbench, *cases)
    assert [one.path for one in pairing.pairs] == paths
    assert [one.case for one in pairing.pairs] == cases
    assert {(one.mpp, one.pixels) for one in pairing.pairs} == {(2.0, 640 * 480)}
    assert pairing.scheme == pairing.pairs[0].classes == SCHEME
    assert (pairing.unmapped, pairing.failures, pairing.notes) == ((), {}, ())


def test_a_reader_agrees_with_herself(workbench, second):
    case = workbench.case("s", [*BOXES, ("unsure", 280, 150, 350, 250), ("normal", 0, 0, 40, 30)])
    shutil.copy(case.annotation, second("s", []))
    confusion = score(pair(workbench, case))
    assert confusion.kappa == confusion.mean_iou == confusion.pixel_accuracy == 1.0
    assert np.count_nonzero(confusion.matrix - np.diag(np.diagonal(confusion.matrix))) == 0
    assert confusion.pixels > 100_000


def test_a_real_annotation_agrees_with_itself(workbench, real_data):
    scheme = ClassScheme(
        (
            TissueClass("stroma", "#b3b3b3"),
            TissueClass("benign gland", "#e69f00"),
            TissueClass("malignant gland", "#d55e00"),
        )
    )
    cohort = read_cohort(real_data / "glas")
    case = next(case for case in cohort.cases if case.name == "testA_10")
    folder = workbench.folder / "second"
    folder.mkdir()
    shutil.copy(case.annotation, folder)
    pairing = pair_with_predictions(cohort, folder, scheme, EvaluationSettings(mpp=1.0))
    assert len(pairing.unmapped) == len(cohort.cases) - 1
    assert score(pairing).kappa == 1.0


def test_kappa_of_two_readers(workbench, second):
    """Both outline a fifth of the slide, of which they share half, and looked at all of it."""
    seen = ("roi", 0, 0, 640, 480)
    first = [seen, ("normal", 0, 0, 640, 480), ("invasive", 0, 0, 128, 480)]
    other = [seen, ("normal", 0, 0, 640, 480), ("invasive", 64, 0, 192, 480)]
    case = workbench.case("s", first)
    second("s", other)
    confusion = score(pair(workbench, case))
    observed, by_chance = 0.8, 0.8 * 0.8 + 0.2 * 0.2
    assert confusion.pixels == 640 * 480
    assert confusion.kappa == pytest.approx((observed - by_chance) / (1 - by_chance))

    swapped = replace(case, annotation=workbench.folder / "second" / "s.xml")
    (workbench.folder / "first").mkdir()
    shutil.copy(case.annotation, workbench.folder / "first")
    turned = score(pair(workbench, swapped, folder="first"))
    assert np.array_equal(turned.matrix, confusion.matrix.T)


def test_only_what_both_readers_looked_at_counts(workbench, second):
    case = workbench.case("s", [*BOXES, ("seen", 160, 80, 400, 400)])
    second("s", [*BOXES, ("seen", 300, 80, 560, 400)])
    confusion = score(pair(workbench, case, roi=["seen"]))
    assert confusion.pixels == 100 * 320
    assert confusion.kappa == 1.0


def test_the_classes_are_those_given_or_else_the_cohorts(workbench, second):
    own = ClassScheme((TissueClass("other", "#b3b3b3"), TissueClass("invasive", "#d55e00")))
    case = workbench.case("s", BOXES[1:])
    second("s", BOXES[1:])
    assert pair(workbench, case, own=own).pairs[0].classes == own
    assert pair(workbench, case, own=own, scheme=SCHEME).scheme == SCHEME


def test_slides_left_out_are_named_and_do_not_stop_the_others(workbench, second):
    names = ("good", "broken", "broken-slide", "none-found", "odd-label", "two-files", "untrue")
    cases = [workbench.case(name, None if name == "untrue" else BOXES) for name in names]
    for name in names:
        if name != "none-found":
            second(name, [("necrosis", 0, 0, 9, 9)] if name == "odd-label" else BOXES)
    folder = workbench.folder / "second"
    (folder / "broken.xml").write_text("<Annotations><Annotation>")
    (workbench.folder / "broken-slide.tif").write_bytes(b"no slide at all")
    shutil.copytree(
        folder, folder / "again", ignore=lambda _, files: set(files) - {"two-files.xml"}
    )
    (folder / "two-files.xml").rename(folder / "again" / "two-files.asap.xml")

    pairing = pair(workbench, *cases)
    assert [one.case.name for one in pairing.pairs] == ["good"]
    assert pairing.unmapped == ("none-found",)
    assert pairing.unannotated == ("untrue",)
    assert set(pairing.failures) == {"broken", "broken-slide", "odd-label", "two-files"}
    assert "several annotations" in pairing.failures["two-files"]
    assert "necrosis" in pairing.failures["odd-label"]


def test_a_name_that_is_not_quite_the_same_is_told(workbench, second):
    case = workbench.case("Slide 1", BOXES)
    second("slide 1", BOXES)
    pairing = pair(workbench, case)
    assert len(pairing.pairs) == 1
    assert "not quite the same" in pairing.notes[0]


def test_the_truth_is_no_second_opinion(workbench):
    case = workbench.case("s", BOXES)
    with pytest.raises(InputError, match="nor an annotation beside the true one"):
        pair(workbench, case, folder=".")


def test_maps_beside_the_truth_are_maps(workbench):
    cases = [workbench.case(name, BOXES) for name in "ab"]
    shutil.move(workbench.map("a", np.zeros((240, 320), np.uint8)), workbench.folder)
    pairing = pair(workbench, *cases, folder=".")
    assert [(one.case.name, one.mpp, one.pixels) for one in pairing.pairs] == [
        ("a", 4.0, 320 * 240)
    ]
    assert pairing.unmapped == ("b",)


def test_a_map_goes_before_an_annotation_of_its_slide(workbench, second):
    case = workbench.case("s", BOXES)
    second("s", BOXES)
    path = workbench.map("s", np.zeros((240, 320), np.uint8))
    shutil.move(path, workbench.folder / "second")
    assert pair(workbench, case).pairs[0].path.name == path.name


def test_maps_and_annotations_cannot_be_pooled(workbench, second):
    cases = [workbench.case(name, BOXES) for name in "ab"]
    second("b", BOXES)
    shutil.move(workbench.map("a", np.zeros((240, 320), np.uint8)), workbench.folder / "second")
    with pytest.raises(InputError, match=r"a\.ome\.tif is a class map, but .*b\.xml an annotation"):
        pair(workbench, *cases)


def test_no_second_annotation_that_can_be_read_is_an_error(workbench, second):
    case = workbench.case("s", BOXES)
    second("s", BOXES).write_text("<Annotations><Annotation>")
    with pytest.raises(InputError, match=r"no second annotation can be read:\n.*s\.xml"):
        pair(workbench, case)


def test_a_label_of_the_maps_classes_is_no_region_of_interest(workbench):
    """Unlike one of BACH's classes, which these maps do not have."""
    classes = ClassScheme((TissueClass("other", "#b3b3b3"), TissueClass("gland", "#d55e00")))
    case = workbench.case("s", [("gland", 200, 100, 300, 200)])
    workbench.map("s", np.zeros((240, 320), np.uint8), classes)
    assert pair(workbench, case, folder="maps", roi=["benign"]).scheme.is_roi("benign")
    with pytest.raises(InputError, match="--roi gland"):
        pair(workbench, case, folder="maps", roi=["gland"])
