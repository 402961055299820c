from pathlib import Path

import numpy as np
import pytest
import shapely
import torch

from carcinomap.annotation import IGNORE, Annotation, AnnotationSet, ClassScheme
from carcinomap.cohort import Case, PatchKey, PatchSource
from carcinomap.cohort.sources import Block
from carcinomap.slide import TissueMask, View
from carcinomap.training.dataset import PatchDataset, turned

SCHEME = ClassScheme.default()
PLAIN = (View(1.0, 64),)


class Drawn:
    """A slide whose red channel shows the level-0 column and whose green one the row."""

    mpp, width, height = 0.5, 1000, 1000

    def read(self, x, y, width, height, mpp):
        step = mpp / self.mpp
        image = np.zeros((height, width, 3), np.uint8)
        image[:, :, 0] = np.clip((x + (np.arange(width) + 0.5) * step) / 4, 0, 255)
        image[:, :, 1] = np.clip((y + (np.arange(height) + 0.5) * step) / 4, 0, 255)[:, None]
        return image

    def close(self):
        pass


@pytest.fixture
def make(monkeypatch):
    monkeypatch.setattr(Case, "open_slide", lambda case: Drawn())

    def dataset(teaching=True, glass=(0, 320), views=PLAIN):
        mask = np.ones((64, 64), bool)
        mask[:, glass[0] // 16 : -(-glass[1] // 16)] = False
        region = Annotation("invasive", shapely.box(400, 400, 600, 500))
        source = PatchSource(
            0, 1000, 1000, 0.5, TissueMask(mask, 8.0, 0.5), AnnotationSet((region,))
        )
        return PatchDataset([Case(Path("a.svs"))], [source], SCHEME, views, teaching)

    return dataset


def one_view(dataset, key):
    (image,), label = dataset[key]
    return image, label


def test_image_and_label_of_a_key(make):
    image, label = one_view(make(), PatchKey(0, 500, 450))
    assert image.shape == (3, 64, 64)
    assert label.shape == (64, 64)
    assert image[0, 0, 0] == (500 - 64 + 1) // 4
    np.testing.assert_array_equal(label[7:57] == 3, np.ones((50, 64), bool))
    assert (label[:6] == 0).all()


def test_scale_shows_more(make):
    _, label = make()[PatchKey(0, 500, 450, 0, 2.0)]
    assert (label == 3).sum() == pytest.approx(50 * 25, rel=0.05)


@pytest.mark.parametrize("orientation", range(8))
def test_every_orientation_keeps_image_and_label_together(make, orientation):
    plain_image, plain_label = one_view(make(), PatchKey(0, 560, 480))
    image, label = one_view(make(), PatchKey(0, 560, 480, orientation))
    np.testing.assert_array_equal(
        image.numpy().transpose(1, 2, 0),
        turned(plain_image.numpy().transpose(1, 2, 0), orientation),
    )
    np.testing.assert_array_equal(label, turned(plain_label.numpy(), orientation))


@pytest.mark.parametrize("orientation", range(8))
def test_every_view_has_the_key_s_centre_orientation_and_scale(make, orientation):
    views = (View(1.0, 64), View(4.0, 32))
    (near, far), label = make(views=views)[PatchKey(0, 500, 450, orientation, 1.1)]
    assert (near.shape, far.shape, label.shape) == ((3, 64, 64), (3, 32, 32), (64, 64))
    # The slide shows its own places, a quarter of a column in red and of a row in green.
    for channel, centre in ((0, 500 / 4), (1, 450 / 4)):
        assert float(near[channel].float().mean()) == pytest.approx(centre, abs=1)
        assert float(far[channel].float().mean()) == pytest.approx(centre, abs=1)
        steps = [
            torch.stack(torch.gradient(view[channel].float())).flatten(1).mean(dim=1)
            for view in (near, far)
        ]
        torch.testing.assert_close(steps[0] * 4, steps[1], atol=0.1, rtol=0)


def test_orientations_are_eight():
    square = np.arange(9, dtype=np.uint8).reshape(3, 3)
    assert len({turned(square, i).tobytes() for i in range(8)}) == 8


def test_outside_of_the_slide_is_ignored(make):
    _, label = make()[PatchKey(0, 0, 500)]
    assert (label[:, :32] == IGNORE).all()
    assert (label[:, 32:] != IGNORE).all()


def test_beyond_what_a_source_is_limited_to_nothing_is_known(make):
    dataset = make(teaching=False)
    dataset._sources[0] = dataset._sources[0].restricted(inside=Block(400, 440, 1000, 480))
    _, label = one_view(dataset, PatchKey(0, 500, 450))
    known = np.flatnonzero((label != IGNORE).any(axis=1))
    assert (known[0], known[-1]) == (27, 46)  # rows from 386 on, two level-0 pixels each


def test_glass_teaches_but_does_not_score(make):
    key = PatchKey(0, 320, 800)
    assert (make(teaching=True)[key][1] == 0).all()
    scored = make(teaching=False)[key][1]
    assert (scored[:, :32] == IGNORE).all()
    assert (scored[:, 32:] == 0).all()


def test_outlined_glass_scores_but_does_not_teach(make):
    dataset = make(glass=(480, 1000))
    _, taught = dataset[PatchKey(0, 500, 450)]
    assert (taught[7:57, 32 - 10 :] == IGNORE).all()
    assert (taught[7:57, : 32 - 10] == 3).all()
    _, scored = make(teaching=False, glass=(480, 1000))[PatchKey(0, 500, 450)]
    assert (scored[7:57] == 3).all()
