import math

import pytest
import torch

from carcinomap.annotation import IGNORE
from carcinomap.training.loss import SegmentationLoss, balanced_weights


def batch():
    random = torch.Generator().manual_seed(0)
    return (
        torch.randn((2, 4, 16, 16), generator=random),
        torch.randint(0, 4, (2, 16, 16), generator=random),
    )


def test_entropy_alone_is_the_library_s():
    logits, labels = batch()
    expected = torch.nn.functional.cross_entropy(logits, labels)
    torch.testing.assert_close(SegmentationLoss(0)(logits, labels), expected)


def test_ignored_pixels_have_no_say():
    logits, labels = batch()
    labels[:, :8] = IGNORE
    changed = logits.clone()
    changed[:, :, :8] += torch.randn_like(changed[:, :, :8])
    for dice in (0.0, 0.5, 1.0):
        loss = SegmentationLoss(dice)
        torch.testing.assert_close(loss(logits, labels), loss(changed, labels))


def test_nothing_to_learn_from_is_no_loss():
    logits, labels = batch()
    loss = SegmentationLoss(0.5)(logits.requires_grad_(), torch.full_like(labels, IGNORE))
    loss.backward()
    assert float(loss.detach()) == 0
    assert float(logits.grad.abs().sum()) == 0


def test_right_answers_lose_less():
    logits, labels = batch()
    sure = torch.nn.functional.one_hot(labels, 4).permute(0, 3, 1, 2).float() * 20
    for dice in (0.0, 0.5, 1.0):
        loss = SegmentationLoss(dice)
        assert float(loss(sure, labels)) < 0.01 < float(loss(logits, labels))


def test_weights_and_smoothing_are_the_library_s():
    logits, labels = batch()
    labels[0, :4] = IGNORE
    weights = torch.tensor([1.0, 2.0, 0.5, 3.0])
    for smoothing in (0.0, 0.1):
        expected = torch.nn.functional.cross_entropy(
            logits, labels, weight=weights, ignore_index=IGNORE
        )
        ours = SegmentationLoss(0, weights=weights)(logits, labels)
        torch.testing.assert_close(ours, expected)
        expected = torch.nn.functional.cross_entropy(
            logits, labels, ignore_index=IGNORE, label_smoothing=smoothing
        )
        torch.testing.assert_close(
            SegmentationLoss(0, smoothing=smoothing)(logits, labels), expected
        )


def test_focal_loss_of_two_pixels():
    logits = torch.log(torch.tensor([[0.9, 0.2], [0.1, 0.8]])).view(1, 2, 1, 2)
    labels = torch.zeros(1, 1, 2, dtype=torch.long)
    expected = (0.1**2 * -math.log(0.9) + 0.8**2 * -math.log(0.2)) / 2
    assert float(SegmentationLoss(0, focal=2)(logits, labels)) == pytest.approx(expected)


@pytest.mark.parametrize("focal", [0.5, 1.0, 2.0])
def test_the_focal_loss_of_a_pixel_that_is_certain_has_a_slope(focal):
    logits = torch.tensor([100.0, 0.0]).reshape(1, 2, 1, 1).requires_grad_()
    SegmentationLoss(0.0, focal)(logits, torch.zeros(1, 1, 1, dtype=torch.long)).backward()
    assert logits.grad.isfinite().all()


def test_rare_classes_weigh_more_within_bounds():
    weights = balanced_weights(torch.tensor([1000, 100, 1, 0]))
    assert weights.tolist() == pytest.approx([0.1, 1.0, 10.0, 1.0])


def test_what_is_common_only_where_it_is_learned_is_not_common_elsewhere():
    shift = (torch.tensor([0.5, 0.5]) / torch.tensor([0.9, 0.1])).log()
    loss = SegmentationLoss(0, shift=shift)
    scores = torch.zeros(2, requires_grad=True)
    labels = torch.tensor([[[0, 1]]])  # as common as each other
    optimiser = torch.optim.LBFGS([scores], max_iter=50)

    def step():
        optimiser.zero_grad()
        found = loss(scores.view(1, 2, 1, 1).expand(1, 2, 1, 2), labels)
        found.backward()
        return found

    optimiser.step(step)
    torch.testing.assert_close(scores.softmax(0).detach(), torch.tensor([0.9, 0.1]))
    logits, labels = batch()
    shifted = SegmentationLoss(0.5, shift=torch.tensor([1.0, 0, 0, -2])).eval()
    torch.testing.assert_close(shifted(logits, labels), SegmentationLoss(0.5)(logits, labels))
