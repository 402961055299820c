"""Class maps and second readers' annotations, read alike."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile

from carcinomap.annotation import ClassScheme
from carcinomap.errors import InputError
from carcinomap.evaluation.prediction import (
    AnnotatedPrediction,
    MappedPrediction,
    open_prediction,
)
from carcinomap.segmentation import NOT_MAPPED, ClassMap

SCHEME = ClassScheme.default()
SIZE = (240, 320)  # of the workbench's slide at 4 mpp
BOXES = [
    ("in situ", 200, 100, 300, 200),
    ("normal", 220, 120, 260, 160),
    ("INVASIVE", 0, 0, 10, 10),
]


def annotated(workbench, boxes, scheme=SCHEME, mpp=4.0):
    case = workbench.case("s", boxes)
    return AnnotatedPrediction.open(case.annotation, replace(case, annotation=None), scheme, mpp)


def whole(prediction):
    return prediction.window(0, 0, prediction.width, prediction.height)


def test_a_second_annotation_is_drawn_over_the_whole_slide(workbench):
    with annotated(workbench, BOXES) as prediction:
        drawn = whole(prediction)
        assert prediction.mpp == 4.0
        assert prediction.classes == SCHEME
        assert prediction.note == ""
    expected = np.zeros(SIZE, np.uint8)
    expected[50:100, 100:150] = 2
    expected[60:80, 110:130] = 0
    expected[:5, :5] = 3
    assert np.array_equal(drawn, expected)


@pytest.mark.parametrize("mpp", [1.0, 2.0, 7.3])
def test_its_size_is_that_of_a_map(workbench, mpp):
    prediction = annotated(workbench, BOXES, mpp=mpp)
    with workbench.case("s", BOXES).open_slide() as slide:
        assert (prediction.width, prediction.height) == slide.size_at(mpp)
    assert np.count_nonzero(whole(prediction) == 2) * mpp**2 == pytest.approx(
        (100 * 100 - 40 * 40) * 2.0**2, rel=0.05
    )


@pytest.mark.parametrize("side", [1, 37, 100])
def test_windows_are_pieces_of_one_whole(workbench, side):
    boxes = [*BOXES, ("unsure", 210, 150, 400, 300)]
    with annotated(workbench, boxes) as prediction:
        labels, excluded = whole(prediction), prediction.excluded(0, 0, *SIZE[::-1])
        for x, y in ((99, 49), (140, 90), (320 - side, 240 - side)):
            place = np.s_[y : y + side, x : x + side]
            assert np.array_equal(prediction.window(x, y, side, side), labels[place])
            assert np.array_equal(prediction.excluded(x, y, side, side), excluded[place])


def test_what_a_reader_ignored_does_not_count(workbench):
    with annotated(workbench, [*BOXES, ("unsure", 250, 150, 400, 300)]) as prediction:
        excluded, drawn = prediction.excluded(0, 0, *SIZE[::-1]), whole(prediction)
    expected = np.zeros(SIZE, bool)
    expected[75:150, 125:200] = True
    assert np.array_equal(excluded, expected)
    assert not drawn[excluded].any()


def test_nothing_counts_outside_a_readers_region_of_interest(workbench):
    scheme = SCHEME.with_roi("seen")
    with annotated(workbench, [*BOXES, ("seen", 200, 100, 400, 300)], scheme) as prediction:
        excluded, drawn = prediction.excluded(0, 0, *SIZE[::-1]), whole(prediction)
    expected = np.ones(SIZE, bool)
    expected[50:150, 100:200] = False
    assert np.array_equal(excluded, expected)
    assert not drawn[excluded].any()


def test_a_window_may_be_changed(workbench):
    with annotated(workbench, BOXES) as prediction:
        whole(prediction)[:] = 1
        assert not (whole(prediction) == 1).any()


@pytest.mark.parametrize(("max_side", "size"), [(32, (24, 32)), (100, (75, 100)), (900, SIZE)])
def test_the_overview_shows_all_of_it(workbench, max_side, size):
    boxes = [("benign", 320, 0, 640, 480), ("unsure", 320, 0, 640, 240)]
    with annotated(workbench, boxes) as prediction:
        overview = prediction.overview(max_side)
    rows, columns = size
    expected = np.zeros(size, np.uint8)
    expected[rows // 2 :, columns // 2 :] = 1
    assert overview.shape == size
    assert np.mean(overview != expected) < 0.02


def test_an_unknown_label_is_an_error_that_names_the_file(workbench):
    with pytest.raises(InputError, match=r"(?s)necrosis.*s\.xml"):
        annotated(workbench, [("necrosis", 200, 100, 300, 200)])


def test_what_was_not_simply_read_is_told(workbench):
    assert "1 × open line" in annotated(workbench, [*BOXES, ("benign", 50, 50, 50, 50)]).note


def test_a_label_image_is_an_annotation_like_any_other(workbench):
    case = workbench.case("s", None)
    values = np.zeros((480, 640), np.uint8)
    values[100:200, 200:300] = 7
    values[300:400, 200:300] = 9
    mask = workbench.folder / "s_mask.tif"
    tifffile.imwrite(mask, values, compression="deflate")
    scheme = replace(
        SCHEME, ignore=("unsure",), values=((0, "normal"), (7, "benign"), (9, "unsure"))
    )
    with open_prediction(mask, case, scheme, 4.0) as prediction:
        labels, excluded = whole(prediction), prediction.excluded(0, 0, *SIZE[::-1])
    assert (labels[50:100, 100:150] == 1).all()
    assert np.count_nonzero(labels) == 2500
    assert excluded[150:200, 100:150].all()
    assert np.count_nonzero(excluded) == 2500


def test_a_map_is_read_as_it_is(workbench):
    labels = np.random.default_rng(1).choice(np.array([0, 1, 2, 3, NOT_MAPPED], np.uint8), SIZE)
    path, case = workbench.map("s", labels), workbench.case("s", BOXES)
    with open_prediction(path, case, SCHEME, 1.0) as prediction, ClassMap.open(path) as class_map:
        assert isinstance(prediction, MappedPrediction)
        assert np.array_equal(whole(prediction), labels)
        assert prediction.excluded(0, 0, 10, 10) is None
        assert (prediction.width, prediction.height, prediction.mpp) == (320, 240, 4.0)
        assert np.array_equal(prediction.overview(100), class_map.overview(100))
        assert prediction.note == ""
