import torch

from carcinomap.annotation import IGNORE
from carcinomap.training.loss import SegmentationLoss


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
