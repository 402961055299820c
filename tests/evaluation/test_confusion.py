"""The scores against independent implementations, on random and degenerate label images."""

import json
import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torchmetrics.functional import classification as reference

from carcinomap.annotation import IGNORE, ClassScheme, TissueClass
from carcinomap.evaluation import Confusion, has_bach_classes
from carcinomap.segmentation import NOT_MAPPED

SCORES = ("iou", "dice", "precision", "recall", "specificity")
REFERENCES = (
    reference.multiclass_jaccard_index,
    reference.multiclass_f1_score,
    reference.multiclass_precision,
    reference.multiclass_recall,
    reference.multiclass_specificity,
)


@st.composite
def label_images(draw, most=6, least=2):
    """Truth and prediction of few or many classes; some absent, some pixels ignored."""
    number = draw(st.integers(least, most))
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))
    present = st.lists(st.integers(0, number - 1), min_size=1, max_size=number)
    truth = draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([*draw(present), IGNORE])))
    mapped = st.sampled_from([*draw(present), NOT_MAPPED])
    return number, truth, draw(hnp.arrays(np.uint8, shape, elements=mapped))


def pairs_of(truth, prediction):
    """Return the counted pixels one by one."""
    pairs = zip(truth.ravel().tolist(), prediction.ravel().tolist(), strict=True)
    return [(g, 0 if p == NOT_MAPPED else p) for g, p in pairs if g != IGNORE]


@settings(max_examples=60, deadline=None)
@given(label_images())
def test_scores_equal_torchmetrics(images):
    number, truth, prediction = images
    confusion = Confusion.of(truth, prediction, number)
    filled = torch.from_numpy(np.where(prediction == NOT_MAPPED, 0, prediction).astype(np.int64))
    target = torch.from_numpy(truth.astype(np.int64))
    for name, function in zip(SCORES, REFERENCES, strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = function(filled, target, number, average=None, ignore_index=IGNORE)
        for ours, theirs in zip(getattr(confusion, name), expected.tolist(), strict=True):
            # Where 0 / 0 is undefined, torchmetrics says 0.
            assert (0.0 if ours is None else ours) == pytest.approx(theirs, abs=1e-6)
    if confusion.pixels:
        accuracy = reference.multiclass_accuracy(
            filled, target, number, average="micro", ignore_index=IGNORE
        )
        assert confusion.pixel_accuracy == pytest.approx(accuracy.item(), abs=1e-6)
        weighted = reference.multiclass_jaccard_index(
            filled, target, number, average="weighted", ignore_index=IGNORE
        )
        assert confusion.frequency_weighted_iou == pytest.approx(weighted.item(), abs=1e-6)
        kappa = reference.multiclass_cohen_kappa(filled, target, number, ignore_index=IGNORE)
        if confusion.kappa is None:
            assert math.isnan(kappa.item())
        else:
            assert confusion.kappa == pytest.approx(kappa.item(), abs=1e-5)


@settings(max_examples=100, deadline=None)
@given(label_images())
def test_scores_equal_sets_of_pixels(images):
    number, truth, prediction = images
    confusion = Confusion.of(truth, prediction, number)
    pairs = pairs_of(truth, prediction)
    ious, dices = [], []
    for index in range(number):
        true = {at for at, (g, _) in enumerate(pairs) if g == index}
        mapped = {at for at, (_, p) in enumerate(pairs) if p == index}
        both, either = len(true & mapped), len(true | mapped)
        iou = both / either if either else None
        dice = 2 * both / (len(true) + len(mapped)) if either else None
        assert confusion.iou[index] == iou
        assert confusion.dice[index] == dice
        assert confusion.precision[index] == (both / len(mapped) if mapped else None)
        assert confusion.recall[index] == (both / len(true) if true else None)
        assert confusion.area_ratio[index] == (len(mapped) / len(true) if true else None)
        assert confusion.truth_pixels[index] == len(true)
        if true:
            ious.append(iou)
            dices.append(dice)
    assert confusion.mean_iou == (pytest.approx(np.mean(ious)) if ious else None)
    assert confusion.mean_dice == (pytest.approx(np.mean(dices)) if dices else None)


@settings(max_examples=200, deadline=None)
@given(label_images(most=4, least=4))
def test_bach_score_equals_its_formula_pixel_by_pixel(images):
    _, truth, prediction = images
    above = below = 0.0
    for g, p in pairs_of(truth, prediction):
        above += abs(p - g)
        below += max(g, abs(g - 3)) * (1 - (1 - (p > 0)) * (1 - (g > 0)))
    expected = None if below == 0 else pytest.approx(1 - above / below)
    assert Confusion.of(truth, prediction, 4).bach == expected


def test_bach_score_by_hand():
    # Truth normal, benign, in situ, invasive; mapped invasive, normal, in situ, normal.
    truth = np.array([[0, 1, 2, 3, 0]], np.uint8)
    prediction = np.array([[3, 0, 2, 0, 0]], np.uint8)
    assert Confusion.of(truth, prediction, 4).bach == 1 - (3 + 1 + 0 + 3) / (3 + 2 + 2 + 3)


def test_bach_score_needs_four_classes():
    with pytest.raises(ValueError, match="four classes"):
        _ = Confusion.empty(3).bach


@settings(max_examples=100, deadline=None)
@given(label_images(), st.integers(0, 12))
def test_windows_add_up_to_the_whole(images, cut):
    number, truth, prediction = images
    parts = [
        Confusion.of(truth[rows], prediction[rows], number)
        for rows in (slice(None, cut), slice(cut, None))
    ]
    whole = Confusion.of(truth, prediction, number)
    assert np.array_equal((parts[0] + parts[1]).matrix, whole.matrix)
    assert whole.matrix.dtype == np.int64


@settings(max_examples=100, deadline=None)
@given(label_images(most=4, least=4))
def test_every_score_is_a_share_and_a_perfect_map_has_all(images):
    number, truth, prediction = images
    confusion = Confusion.of(truth, prediction, number)
    means = (confusion.mean_iou, confusion.mean_dice, confusion.pixel_accuracy, confusion.bach)
    scores = [*means, *(score for name in SCORES for score in getattr(confusion, name))]
    assert all(score is None or 0 <= score <= 1 for score in scores)

    perfect = Confusion.of(truth, np.where(truth == IGNORE, 0, truth).astype(np.uint8), number)
    for name in SCORES:
        assert set(getattr(perfect, name)) <= {1.0, None}
    assert {perfect.mean_iou, perfect.mean_dice, perfect.pixel_accuracy} in ({1.0}, {None})
    assert perfect.bach in (1.0, None)


def test_nothing_counted_leaves_every_score_undefined():
    ignored = np.full((3, 3), IGNORE, np.uint8)
    confusion = Confusion.of(ignored, np.zeros_like(ignored), 4)
    assert confusion.pixels == 0
    assert confusion.mean_iou is confusion.mean_dice is confusion.pixel_accuracy is None
    assert confusion.bach is None
    assert confusion.iou == (None,) * 4


def test_only_counted_pixels_count():
    truth = np.array([[0, 1], [1, IGNORE]], np.uint8)
    prediction = np.array([[1, 1], [NOT_MAPPED, 1]], np.uint8)
    counted = np.array([[False, True], [True, True]])
    assert Confusion.of(truth, prediction, 2, counted).matrix.tolist() == [[0, 0], [1, 1]]


@pytest.mark.parametrize("bad", ["truth", "prediction"])
def test_an_index_that_is_no_class_is_refused_where_it_counts(bad):
    images = {"truth": np.zeros((2, 2), np.uint8), "prediction": np.zeros((2, 2), np.uint8)}
    images[bad][1, 1] = 7
    counted = np.array([[True, True], [True, False]])
    assert Confusion.of(**images, classes=4, counted=counted).pixels == 3
    with pytest.raises(ValueError, match="beyond the 4 classes"):
        Confusion.of(**images, classes=4)


def test_bach_classes_are_known_by_name_and_order():
    default = ClassScheme.default().classes
    assert has_bach_classes(ClassScheme(default))
    assert not has_bach_classes(ClassScheme(default[:3]))
    assert not has_bach_classes(ClassScheme((default[0], *reversed(default[1:]))))
    spelt = [TissueClass(name, "#000000") for name in ("Normal", "Benign", "DCIS", "INVASIVE")]
    assert has_bach_classes(ClassScheme(tuple(spelt)))


@settings(max_examples=60, deadline=None)
@given(label_images(), st.integers(0, 5))
def test_no_score_leaves_its_range_and_a_perfect_map_is_perfect(images, times):
    number, truth, prediction = images
    confusion = Confusion.of(truth, prediction, number) * times
    shares = [confusion.mean_iou, confusion.mean_dice, confusion.frequency_weighted_iou]
    shares += [value for name in SCORES for value in getattr(confusion, name)]
    assert all(0 <= share <= 1 for share in shares if share is not None)
    assert confusion.kappa is None or -1 <= confusion.kappa <= 1
    perfect = Confusion.of(truth, truth, number)
    scores = [perfect.mean_iou, perfect.frequency_weighted_iou, perfect.pixel_accuracy]
    scores += [value for name in SCORES for value in getattr(perfect, name)]
    assert {score for score in scores if score is not None} <= {1.0}
    assert perfect.kappa in {None, 1.0}


@given(label_images())
def test_counts_come_back_from_json(images):
    number, truth, prediction = images
    confusion = Confusion.of(truth, prediction, number)
    read = Confusion.from_dict(json.loads(json.dumps(confusion.to_dict())), number)
    assert (read.matrix == confusion.matrix).all()


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        "ab",
        [[1, 2]],
        [[1, 2], [3]],
        [[1, -2], [3, 4]],
        [[1.5, 2], [3, 4]],
        [[10**15, 2], [3, 4]],
        [[10**40, 2], [3, 4]],
        [[True, False], [False, True]],
        [["1", "2"], ["3", "4"]],
        [[float("nan"), 2], [3, 4]],
    ],
)
def test_what_is_no_matrix_of_counts_is_refused(data):
    with pytest.raises(ValueError, match=r"whole numbers|absurd|inhomogeneous"):
        Confusion.from_dict(data, 2)
