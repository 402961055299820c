"""Slides and cohorts, from real files to scores.json."""

import json
import math

import numpy as np
import pytest

from carcinomap.annotation import ClassScheme, TissueClass
from carcinomap.cohort import Cohort, read_cohort
from carcinomap.errors import CarcinomapError, InputError
from carcinomap.evaluation import (
    Confusion,
    Counts,
    EvaluationSettings,
    Truth,
    evaluate_case,
    evaluate_cohort,
)
from carcinomap.evaluation.prediction import MappedPrediction
from carcinomap.evaluation.scores import figures
from carcinomap.progress import listening
from carcinomap.work.processes import OwnProcesses
from deadly_slides import DeadlyCase

SCHEME = ClassScheme.default()
SIZE = (240, 320)
BOXES = [("Carcinoma in situ", 200, 100, 300, 200), ("INVASIVE", 320, 200, 500, 360)]
OVERALL = ("mean_iou", "mean_dice", "pixel_accuracy", "frequency_weighted_iou", "kappa", "bach")
FIGURES = (*OVERALL, "calibration_error", "classes", "confusion")
OF_CLASS = (
    *("iou", "dice", "precision", "recall", "specificity", "area_ratio"),
    *("surface_dice", "hausdorff_95_um"),
    *("region_precision", "region_recall", "region_f1", "pixels", "mapped_pixels"),
)


def map_of_boxes():
    """Return the map that agrees with BOXES."""
    labels = np.full(SIZE, 255, np.uint8)
    labels[40:200, 80:280] = 0
    labels[50:100, 100:150] = 2
    labels[100:180, 160:250] = 3
    return labels


def noisy_map():
    rng = np.random.default_rng(3)
    return rng.choice(np.array([0, 1, 2, 3, 255], np.uint8), SIZE)


def score(workbench, case, scheme=SCHEME, **options):
    with MappedPrediction.open(workbench.maps / f"{case.name}.ome.tif") as class_map:
        return evaluate_case(case, class_map, scheme, **options)


def cohort(workbench, *cases):
    return Cohort(workbench.folder, cases)


def evaluate(workbench, *cases, **options):
    output = workbench.folder / "scores"
    scores = evaluate_cohort(cohort(workbench, *cases), workbench.maps, output, **options)
    return scores, json.loads((output / "scores.json").read_text(encoding="utf-8"))


def test_a_map_that_agrees_scores_perfectly(workbench):
    case = workbench.case("s", BOXES)
    workbench.map("s", map_of_boxes())
    confusion = score(workbench, case).confusion
    assert confusion.iou == (1.0, None, 1.0, 1.0)
    assert confusion.bach == confusion.mean_iou == confusion.pixel_accuracy == 1.0
    assert confusion.truth_pixels[1:] == (0, 50 * 50, 80 * 90)
    found = figures(score(workbench, case).counts, SCHEME, EvaluationSettings())
    for name in ("in situ", "invasive"):
        for key in ("surface_dice", "region_f1", "region_precision", "region_recall"):
            assert found[f"classes.{name}.{key}"] == 1.0
        assert found[f"classes.{name}.hausdorff_95_um"] == 0.0
    assert found["kappa"] == 1.0


@pytest.mark.parametrize("window", [37, 100, 256])
def test_windows_of_any_size_give_the_same_counts(workbench, window):
    case = workbench.case("s", [*BOXES, ("normal", 3, 5, 50, 41), ("unsure", 280, 150, 350, 250)])
    workbench.map("s", noisy_map())
    at_once = score(workbench, case, window=10_000).confusion
    assert np.array_equal(score(workbench, case, window=window).confusion.matrix, at_once.matrix)
    assert at_once.pixels > 30_000


def test_counts_equal_those_of_whole_images(workbench):
    case = workbench.case("s", BOXES)
    prediction = noisy_map()
    workbench.map("s", prediction)
    with case.open_slide() as slide:
        truth = Truth.of(case, slide, SCHEME).window(0, 0, 320, 240, 4.0)
    whole = Confusion.of(truth.labels, prediction, 4, truth.counted(prediction))
    assert np.array_equal(score(workbench, case).confusion.matrix, whole.matrix)


def test_every_map_pixel_is_told_to_the_progress_bar(workbench):
    case = workbench.case("s", BOXES)
    workbench.map("s", map_of_boxes())
    told = []
    with listening(told.append):
        score(workbench, case, window=100)
    assert len(told) == 1 + 3 * 4
    assert told[0].done == 0
    assert told[-1].done * 1e6 == pytest.approx(SIZE[0] * SIZE[1])
    assert told[-1].done == pytest.approx(told[-1].total)


def test_a_map_of_another_slide_is_refused(workbench):
    case = workbench.case("s", BOXES)
    workbench.map("s", np.zeros((240, 300), np.uint8))
    with pytest.raises(InputError, match=r"300 × 240.*320 × 240 at 4 mpp"):
        score(workbench, case)


def test_an_index_that_is_no_class_is_refused(workbench):
    case = workbench.case("s", BOXES)
    workbench.map("s", np.full(SIZE, 9, np.uint8))
    with pytest.raises(InputError, match=r"s\.ome\.tif: a class index beyond the 4 classes"):
        score(workbench, case)


def test_scores_json(workbench):
    a, b = workbench.case("a", BOXES, "p1"), workbench.case("b", BOXES[:1], "p2")
    workbench.map("a", map_of_boxes())
    workbench.map("b", noisy_map())
    scores, written = evaluate(workbench, a, b)

    rest = ["slides", "intervals", "mpp", "settings", "warnings", "rule"]
    assert list(written) == [*FIGURES, *rest]
    of_slide = ["slide", "patient", *FIGURES, "counts"]
    assert [list(slide) for slide in written["slides"]] == [of_slide] * 2
    assert [(s["slide"], s["patient"]) for s in written["slides"]] == [("a", "p1"), ("b", "p2")]
    assert list(written["classes"]) == list(SCHEME.names)
    for values in written["classes"].values():
        assert list(values) == list(OF_CLASS)
    summed = np.array([slide["confusion"] for slide in written["slides"]]).sum(axis=0)
    assert np.array_equal(written["confusion"], summed)
    assert written["mean_iou"] == scores.confusion.mean_iou
    assert written["bach"] == scores.bach == scores.confusion.bach
    assert written["mpp"] == 4.0
    assert written["classes"]["invasive"]["pixels"] == 80 * 90
    # Undefined is null: nothing benign in the truth of a, nor in its map.
    defined = {"specificity": 1.0, "pixels": 0, "mapped_pixels": 0}
    benign = written["slides"][0]["classes"]["benign"]
    assert benign == {key: defined.get(key) for key in OF_CLASS}
    low, high = written["intervals"]["mean_iou"]
    assert low <= written["mean_iou"] <= high
    for case, slide in zip(scores.cases, written["slides"], strict=True):
        read = Counts.from_dict(slide["counts"], len(SCHEME))
        assert figures(read, SCHEME, scores.settings) == figures(
            case.counts, SCHEME, scores.settings
        )
    assert (workbench.folder / "scores" / "report.html").is_file()


def test_a_bad_map_is_scored_like_any_other(workbench):
    case = workbench.case("s", BOXES)
    workbench.map("s", np.full(SIZE, 1, np.uint8))
    _, written = evaluate(workbench, case)
    assert written["mean_iou"] == 0
    assert written["slides"][0]["pixel_accuracy"] == 0


def test_other_classes_have_no_bach_score(workbench):
    scheme = ClassScheme((TissueClass("other", "#b3b3b3"), TissueClass("invasive", "#d55e00")))
    case = workbench.case("s", BOXES[1:])
    workbench.map("s", np.minimum(map_of_boxes(), 1), scheme)
    scores, written = evaluate(workbench, case)
    assert scores.scheme.names == ("other", "invasive")
    assert written["bach"] is None
    assert written["classes"]["invasive"]["recall"] == 1.0


def test_given_classes_bring_their_own_spellings(workbench):
    tumour = SCHEME.classes[3]
    scheme = ClassScheme(
        (*SCHEME.classes[:3], TissueClass(tumour.name, tumour.colour, ("tumour bed",)))
    )
    case = workbench.case("s", [("Tumour bed", 320, 200, 500, 360)])
    workbench.map("s", map_of_boxes())
    _, written = evaluate(workbench, case, scheme=scheme)
    assert written["classes"]["invasive"]["recall"] == 1.0


def test_given_classes_must_be_those_of_the_map(workbench):
    case = workbench.case("s", BOXES)
    workbench.map("s", map_of_boxes())
    with pytest.raises(InputError, match=r"s\.ome\.tif: its classes .* are not those of --classes"):
        evaluate(workbench, case, scheme=ClassScheme(SCHEME.classes[:3]))


def test_maps_of_different_classes_cannot_be_pooled(workbench):
    cases = [workbench.case(name, BOXES) for name in "ab"]
    workbench.map("a", map_of_boxes())
    workbench.map("b", map_of_boxes(), ClassScheme(SCHEME.classes[::-1]))
    with pytest.raises(InputError, match=r"b\.ome\.tif: its classes .*a\.ome\.tif"):
        evaluate(workbench, *cases)


def test_maps_of_different_mpp_cannot_be_pooled(workbench):
    cases = [workbench.case(name, BOXES) for name in "ab"]
    workbench.map("a", map_of_boxes())
    workbench.map("b", map_of_boxes()[::2, ::2], mpp=8.0)
    with pytest.raises(InputError, match=r"b\.ome\.tif: 8 mpp, but .*a\.ome\.tif has 4"):
        evaluate(workbench, *cases)


def test_slides_left_out_are_named_and_do_not_stop_the_others(workbench):
    names = ("good", "unmapped", "unannotated", "broken-slide", "broken-map", "odd-label")
    boxes = {"unannotated": None, "odd-label": [("necrosis", 200, 100, 300, 200)]}
    cases = [workbench.case(name, boxes.get(name, BOXES)) for name in names]
    for name in names:
        if name != "unmapped":
            workbench.map(name, map_of_boxes())
    (workbench.folder / "broken-slide.tif").write_bytes(b"no slide at all")
    (workbench.maps / "broken-map.ome.tif").write_bytes(b"no map at all")

    scores, written = evaluate(workbench, *cases)
    assert [slide["slide"] for slide in written["slides"]] == ["good"]
    assert scores.unmapped == ("unmapped",)
    assert scores.unannotated == ("unannotated",)
    assert set(scores.failures) == {"broken-slide", "broken-map", "odd-label"}
    assert "necrosis" in scores.failures["odd-label"]


def test_no_map_at_all_is_an_error(workbench):
    with pytest.raises(InputError, match=r"no map of any annotated slide.*like s\.ome\.tif"):
        evaluate(workbench, workbench.case("s", BOXES))


def test_no_annotation_at_all_is_an_error(workbench):
    with pytest.raises(InputError, match="no slide has an annotation"):
        evaluate(workbench, workbench.case("s", None))


def test_no_slide_that_can_be_scored_is_an_error(workbench):
    case = workbench.case("s", BOXES)
    workbench.map("s", np.zeros((240, 300), np.uint8))
    with pytest.raises(CarcinomapError, match=r"not one slide could be scored:\n.*s\.ome\.tif"):
        evaluate(workbench, case)
    assert not (workbench.folder / "scores" / "scores.json").exists()

    (workbench.maps / "s.ome.tif").write_bytes(b"no map at all")
    with pytest.raises(InputError, match="no map can be read"):
        evaluate(workbench, case)


def test_processes_count_the_same_and_a_slide_that_kills_its_own_fails_alone(workbench):
    cases = [workbench.case(name, BOXES, patient=name) for name in ("c", "a", "d", "b")]
    cases[2] = DeadlyCase.of(cases[2])
    for case in cases:
        workbench.map(case.name, noisy_map())
    broken = workbench.case("e", BOXES)
    workbench.map("e", noisy_map())
    broken.annotation.write_text("<Annotations>")
    here = evaluate(workbench, cases[0], cases[1], cases[3], broken, overwrite=True)
    others = OwnProcesses(2, retries=0)
    there = evaluate(workbench, *cases, broken, overwrite=True, backend=others)
    (failure,) = set(there[0].failures) - set(here[0].failures)
    assert failure == "d"
    assert "signal 9" in there[0].failures["d"]
    assert [one["slide"] for one in there[1]["slides"]] == ["c", "a", "b"]
    assert here[1] == there[1]


def test_existing_scores_are_kept_unless_told_otherwise(workbench):
    case = workbench.case("s", BOXES)
    workbench.map("s", map_of_boxes())
    evaluate(workbench, case)
    with pytest.raises(InputError, match="--overwrite"):
        evaluate(workbench, case)
    workbench.map("s", np.full(SIZE, 1, np.uint8))
    _, written = evaluate(workbench, case, overwrite=True)
    assert written["mean_iou"] == 0


def test_an_output_that_takes_no_files_is_told_before_the_work(workbench, monkeypatch):
    case = workbench.case("a", BOXES)
    workbench.map("a", map_of_boxes())
    (workbench.folder / "taken").touch()

    def unwanted(*_, **options):
        raise AssertionError("no slide is to be compared")

    monkeypatch.setattr("carcinomap.evaluation.evaluate.evaluate_case", unwanted)
    with pytest.raises(OSError, match="taken"):
        evaluate_cohort(
            cohort(workbench, case), workbench.maps, workbench.folder / "taken" / "scores"
        )


def test_the_same_evaluation_gives_the_same_bytes(workbench):
    case = workbench.case("s", BOXES)
    workbench.map("s", noisy_map())
    evaluate(workbench, case)
    files = [workbench.folder / "scores" / name for name in ("scores.json", "report.html")]
    first = [file.read_bytes() for file in files]
    evaluate(workbench, case, overwrite=True)
    assert [file.read_bytes() for file in files] == first


def test_a_real_slide_against_its_own_outlines(workbench, real_data):
    """A map drawn from the outlines themselves is perfect, so geometry agrees throughout."""
    scheme = ClassScheme(
        (
            TissueClass("stroma", "#b3b3b3"),
            TissueClass("benign gland", "#e69f00"),
            TissueClass("malignant gland", "#d55e00"),
        )
    )
    case = next(c for c in read_cohort(real_data / "glas").cases if c.name == "testA_10")
    with case.open_slide() as slide:
        mpp = 1.5
        width, height = slide.size_at(mpp)
        drawn = case.read_annotations().label_image(0, 0, width, height, mpp / slide.mpp, scheme)
        area = slide.area_mm2
    workbench.map(case.name, drawn, scheme, mpp)
    scores = score(workbench, case, scheme, window=128)
    assert scores.confusion.mean_iou == 1.0
    assert scores.confusion.pixels * mpp**2 / 1e6 <= area * 1.01
    assert math.isclose(sum(scores.confusion.truth_pixels[1:]), np.count_nonzero(drawn))
