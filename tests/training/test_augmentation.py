import pytest
import torch

from carcinomap.annotation import IGNORE
from carcinomap.training.augmentation import Augmentation


@pytest.fixture
def batch():
    random = torch.Generator().manual_seed(0)
    coarse = torch.rand((4, 3, 8, 8), generator=random) * 0.6 + 0.2
    images = torch.nn.functional.interpolate(coarse, (64, 64), mode="bilinear")
    labels = torch.zeros((4, 64, 64), dtype=torch.int64)
    labels[:, 20:44, 28:36] = 2
    labels[:, :4] = IGNORE
    return images, labels


def varied(augmentation, images, labels, step):
    """Return images of one view, and labels, varied."""
    (image,), labels = augmentation([images], labels, step)
    return image, labels


def test_same_step_same_variation(batch):
    one, other = Augmentation(45, 0.2, 1), Augmentation(45, 0.2, 1)
    for first, second in zip(varied(one, *batch, 7), varied(other, *batch, 7), strict=True):
        assert torch.equal(first, second)
    before = varied(one, *batch, 7)[0]
    assert not torch.equal(before, varied(one, *batch, 8)[0])
    assert not torch.equal(before, varied(Augmentation(45, 0.2, 2), *batch, 7)[0])


def test_samples_differ(batch):
    images = batch[0][:1].repeat(4, 1, 1, 1)
    found = varied(Augmentation(0, 0.2, 0), images, batch[1], 0)[0]
    assert len({round(float(image.mean()), 5) for image in found}) == 4


def test_nothing_asked_nothing_changed(batch):
    images, labels = varied(Augmentation(0, 0, 0), *batch, 3)
    assert torch.equal(images, batch[0])
    assert torch.equal(labels, batch[1])


def test_image_and_label_turn_together(batch):
    """Paint the labels into the image: after the turn they still lie on one another."""
    labels = batch[1].clone()
    labels[labels == IGNORE] = 0
    images = (labels == 2).float().unsqueeze(1).repeat(1, 3, 1, 1)
    turned, moved = varied(Augmentation(180, 0, 5), images, labels, 0)
    inside = moved != IGNORE
    assert ((turned[:, 0] > 0.5) == (moved == 2))[inside].float().mean() > 0.99
    assert not torch.equal(moved, labels)


def test_views_of_one_centre_turn_and_are_stained_alike():
    """What the middle of a wide view shows is still what the fine view shows, four times as big."""
    coarse = torch.rand((4, 3, 8, 8), generator=torch.Generator().manual_seed(1)) * 0.6 + 0.2
    wide = torch.nn.functional.interpolate(coarse, (256, 256), mode="bilinear")
    fine = torch.nn.functional.interpolate(wide[..., 96:160, 96:160], (256, 256), mode="bilinear")
    labels = torch.zeros((4, 256, 256), dtype=torch.int64)
    (fine, wide), labels = Augmentation(180, 0.2, 5)([fine, wide], labels, 0)
    assert labels.shape == (4, 256, 256)
    middle = torch.nn.functional.avg_pool2d(fine, 4)[..., 16:48, 16:48]
    torch.testing.assert_close(middle, wide[..., 112:144, 112:144], atol=0.02, rtol=0)


def test_outside_is_ignored_and_inside_is_kept(batch):
    labels = torch.full_like(batch[1], 1)
    moved = varied(Augmentation(45, 0, 5), batch[0], labels, 0)[1]
    assert set(moved.unique().tolist()) <= {1, IGNORE}
    assert (moved[:, 16:48, 16:48] == 1).all()
    assert 0 < (moved == IGNORE).float().mean() < 0.25


def test_stain_varies_but_glass_stays_light():
    tissue = torch.tensor([0.75, 0.5, 0.7]).view(1, 3, 1, 1).expand(64, 3, 4, 4)
    labels = torch.zeros((64, 4, 4), dtype=torch.int64)
    found = varied(Augmentation(0, 0.2, 0), tissue, labels, 0)[0]
    assert found.min() >= 0
    assert found.max() <= 1
    assert 0.01 < float(found[:, :, 0, 0].std(dim=0).mean()) < 0.15
    glass = varied(Augmentation(0, 0.2, 0), torch.full((64, 3, 4, 4), 0.98), labels, 0)[0]
    assert float(glass.min()) > 0.85


def test_stains_are_those_of_the_source():
    from carcinomap.training.augmentation import STAINS  # noqa: PLC0415

    # Haematoxylin absorbs mostly red, eosin mostly green (Ruifrok and Johnston, table 1).
    assert STAINS[0][0] > STAINS[0][2]
    assert int(STAINS[1].argmax()) == 1
