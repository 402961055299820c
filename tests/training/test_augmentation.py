import dataclasses
import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import avg_pool2d, interpolate

from carcinomap.annotation import IGNORE
from carcinomap.training import TrainingSettings
from carcinomap.training.augmentation import Augmentation, Changes, Variation, draw, varied
from carcinomap.training.augmentation.colour import STAINS
from carcinomap.training.augmentation.jpeg import CHROMINANCE, LUMINANCE, compressed, table
from carcinomap.training.augmentation.variation import QUALITY, SIGMA

ALL = Variation(rotation=180, stain=0.3, brightness=0.2, blur=0.5, jpeg=0.5)
ONE_BY_ONE = [
    Variation(rotation=45),
    Variation(stain=0.2),
    Variation(brightness=0.2),
    Variation(blur=1),
    Variation(jpeg=1),
]


def texture(count, side, coarse=8, seed=0):
    """Return smooth random colours (count, 3, side, side), none of them very dark or bright."""
    random = torch.Generator().manual_seed(seed)
    spots = torch.rand((count, 3, coarse, coarse), generator=random) * 0.6 + 0.2
    return interpolate(spots, (side, side), mode="bilinear")


@pytest.fixture
def batch():
    labels = torch.zeros((6, 64, 64), dtype=torch.int64)
    labels[:, 20:44, 28:36] = 2
    labels[:, :4] = IGNORE
    return texture(6, 64), labels


def augmented(variation, batch, step=0, samples=None, seed=0):
    """Return images of one view, and labels, varied."""
    images, labels = batch
    samples = range(len(labels)) if samples is None else samples
    (image,), labels = Augmentation(variation, seed)([images], labels, samples, step)
    return image, labels


@pytest.mark.parametrize("variation", [*ONE_BY_ONE, ALL])
def test_same_step_and_seed_same_variation(batch, variation):
    image, labels = augmented(variation, batch, 7, seed=1)
    again = augmented(variation, batch, 7, seed=1)
    assert torch.equal(image, again[0])
    assert torch.equal(labels, again[1])
    assert not torch.equal(image, augmented(variation, batch, 8, seed=1)[0])
    assert not torch.equal(image, augmented(variation, batch, 7, seed=2)[0])


@pytest.mark.parametrize("variation", [*ONE_BY_ONE, ALL])
def test_a_sample_is_the_same_in_any_batch(batch, variation):
    """Bit for bit, whoever is beside it: alone, in another order, in the half of another rank."""
    images, labels = batch
    whole = augmented(variation, batch, 3)
    for chosen in ([0], [5], [4, 2], [1, 3, 5]):
        part = augmented(variation, (images[chosen], labels[chosen]), 3, torch.tensor(chosen))
        assert torch.equal(part[0], whole[0][chosen])
        assert torch.equal(part[1], whole[1][chosen])


def test_samples_of_a_batch_differ():
    same = (texture(1, 64).repeat(6, 1, 1, 1), torch.zeros((6, 64, 64), dtype=torch.int64))
    for variation in ONE_BY_ONE:
        found = augmented(variation, same)[0]
        assert len({float(image.var()) for image in found}) == 6, variation


def test_nothing_asked_nothing_changed(batch):
    images, labels = augmented(Variation(), batch, 3)
    assert torch.equal(images, batch[0])
    assert torch.equal(labels, batch[1])


@pytest.mark.parametrize("variation", [*ONE_BY_ONE, ALL])
def test_range_shape_and_input_are_kept(batch, variation):
    images, labels = batch
    given = images.clone(), labels.clone()
    found, moved = augmented(variation, batch)
    assert found.shape == images.shape
    assert found.dtype == torch.float32
    assert moved.dtype == torch.int64
    assert found.min() >= 0
    assert found.max() <= 1
    assert torch.equal(images, given[0])
    assert torch.equal(labels, given[1])


def test_half_precision_does_not_reach_it(batch):
    plain = augmented(ALL, batch)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(augmented(ALL, batch)[0], plain)


def test_what_is_drawn_is_within_what_was_asked_and_fills_it():
    found = draw(ALL, 0, 0, range(500))
    degrees = found.angle.rad2deg()
    assert -180 <= degrees.min() < -170
    assert 170 < degrees.max() <= 180
    assert found.stains.min() >= 0.7
    assert found.stains.max() <= 1.3
    assert found.light.std() > 0.08
    for values, (low, high) in ((found.sigma, SIGMA), (found.quality, QUALITY)):
        chosen = values[values > 0]
        assert 0.4 < len(chosen) / 500 < 0.6
        assert low <= chosen.min() < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < chosen.max() <= high


def test_one_effect_off_leaves_the_others_as_they_were():
    whole, less = draw(ALL, 0, 0, [3]), draw(dataclasses.replace(ALL, stain=0, blur=0), 0, 0, [3])
    assert torch.equal(whole.angle, less.angle)
    assert torch.equal(whole.light, less.light)
    assert torch.equal(whole.quality, less.quality)
    assert (less.stains == 1).all()


def test_variation_is_what_the_settings_say():
    settings = TrainingSettings(rotation=1, stain=0.2, brightness=0.3, blur=0.4, jpeg=0.5)
    assert Variation.of(settings) == Variation(1, 0.2, 0.3, 0.4, 0.5)


def test_image_and_label_turn_together(batch):
    """Paint the labels into the image: after the turn they still lie on one another."""
    labels = batch[1].clone()
    labels[labels == IGNORE] = 0
    images = (labels == 2).float().unsqueeze(1).repeat(1, 3, 1, 1)
    turned, moved = augmented(Variation(rotation=180), (images, labels))
    assert 0 == turned.min() < turned.max() == 1
    inside = moved != IGNORE
    assert ((turned[:, 0] > 0.5) == (moved == 2))[inside].float().mean() > 0.99
    assert not torch.equal(moved, labels)


def test_a_quarter_turn_is_a_quarter_turn(batch):
    images, labels = batch
    changes = dataclasses.replace(Changes.none(6), angle=torch.full((6,), torch.pi / 2))
    (turned,), moved = varied([images], labels, changes)
    torch.testing.assert_close(turned, images.rot90(1, (2, 3)), atol=1e-4, rtol=0)
    assert torch.equal(moved, labels.rot90(1, (1, 2)))


def test_outside_is_ignored_and_inside_is_kept(batch):
    moved = augmented(Variation(rotation=45), (batch[0], torch.ones_like(batch[1])))[1]
    assert set(moved.unique().tolist()) <= {1, IGNORE}
    assert (moved[:, 16:48, 16:48] == 1).all()
    assert 0 < (moved == IGNORE).float().mean() < 0.25


def test_views_of_one_centre_stay_registered():
    """What the middle of a wide view shows is still what the fine view shows, four times as big."""
    wide = texture(4, 256, seed=1)
    fine = interpolate(wide[..., 96:160, 96:160], (256, 256), mode="bilinear")
    labels = torch.zeros((4, 256, 256), dtype=torch.int64)
    augmentation = Augmentation(Variation(rotation=180, stain=0.2, brightness=0.2), 5)
    (fine, wide), labels = augmentation([fine, wide], labels, range(4), 0)
    assert labels.shape == (4, 256, 256)
    middle = avg_pool2d(fine, 4)[..., 16:48, 16:48]
    torch.testing.assert_close(middle, wide[..., 112:144, 112:144], atol=0.02, rtol=0)


def test_every_view_is_blurred_and_compressed_at_its_own_pixels(batch):
    images, labels = batch
    changes = dataclasses.replace(Changes.none(6), sigma=torch.tensor([0.0, 1, 0, 1, 0, 1]))
    first, second = varied([images, images.clone()], labels, changes)[0]
    assert torch.equal(first, second)
    touched = (first != images).flatten(1).any(dim=1)
    assert touched.tolist() == [False, True] * 3


def test_stain_varies_but_glass_stays_white():
    tissue = torch.tensor([0.75, 0.5, 0.7]).view(1, 3, 1, 1).expand(64, 3, 16, 16)
    labels = torch.zeros((64, 16, 16), dtype=torch.int64)
    found = augmented(Variation(stain=0.2), (tissue, labels))[0]
    assert 0.01 < float(found[:, :, 0, 0].std(dim=0).mean()) < 0.15
    for light in (1.0, 0.96, 0.85):
        glass = torch.full((64, 3, 16, 16), light)
        torch.testing.assert_close(augmented(Variation(stain=0.2), (glass, labels))[0], glass)


def test_more_haematoxylin_is_bluer():
    pink = torch.tensor([0.8, 0.55, 0.75]).view(1, 3, 1, 1).expand(1, 3, 16, 16)
    changes = dataclasses.replace(Changes.none(1), stain_shift=torch.tensor([[0.3, 0.0, 0.0]]))
    (found,), _ = varied([pink], torch.zeros((1, 16, 16), dtype=torch.int64), changes)
    lost = (pink - found)[0, :, 0, 0]
    assert lost[0] > lost[1] > lost[2] > 0


def test_stains_are_those_of_the_source():
    # Haematoxylin absorbs mostly red, eosin mostly green (Ruifrok and Johnston, table 1).
    assert STAINS[0][0] > STAINS[0][2]
    assert int(STAINS[1].argmax()) == 1


def test_light_changes_all_pixels_by_one_factor(batch):
    dim = batch[0] * 0.8
    found = augmented(Variation(brightness=0.2), (dim, batch[1]))[0]
    factor = (found / dim).flatten(2)
    torch.testing.assert_close(factor, factor[:, :, :1].expand_as(factor))
    assert 0.05 < float(factor[:, 1, 0].std()) < 0.2


def test_blur_takes_contrast_and_keeps_the_mean(batch):
    grains = torch.rand((6, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    found = augmented(Variation(blur=1), (grains, batch[1]))[0]
    assert (found.std(dim=(1, 2, 3)) < grains.std(dim=(1, 2, 3))).all()
    torch.testing.assert_close(found.mean(), grains.mean(), atol=0.01, rtol=0)


@pytest.mark.parametrize("quality", [10, 35, 50, 75, 95])
def test_jpeg_is_that_of_a_real_encoder(quality):
    """The result lies much nearer to what a real file holds than that lies to the original."""
    random = torch.Generator().manual_seed(3)
    image = texture(1, 128, 32)[0] + 0.1 * torch.randn((3, 128, 128), generator=random)
    pixels = (image.clamp(0, 1) * 255).round()
    file = io.BytesIO()
    original = Image.fromarray(pixels.permute(1, 2, 0).byte().numpy())
    original.save(file, "jpeg", quality=quality, subsampling="4:2:0")
    opened = Image.open(file)
    real = torch.from_numpy(np.array(opened)).permute(2, 0, 1).float()
    ours = compressed(pixels / 255, quality) * 255
    assert (ours - real).std() < 0.25 * (real - pixels).std()
    tables = [table(LUMINANCE, quality), table(CHROMINANCE, quality)]
    for number, divisors in enumerate(tables):
        assert opened.quantization[number] == divisors.flatten().int().tolist()
