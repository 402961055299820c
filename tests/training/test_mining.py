from pathlib import Path

import numpy as np
import pytest
import shapely
import torch

from carcinomap.annotation import Annotation, AnnotationSet, ClassScheme
from carcinomap.cohort import Case, HardPlaces, PatchKey, PatchSampler, PatchSource, Sampling
from carcinomap.slide import TissueMask, View
from carcinomap.training.dataset import PatchDataset
from carcinomap.training.mining import mine

SCHEME = ClassScheme.default()
VIEWS = (View(1.0, 64), View(4.0, 32))
SIDE = 2000
REGION = (200, 200, 600, 600)
DARK = 1200  # columns from here on look like cancer to the network below


class HalfDark:
    """A slide that is dark on its right side."""

    mpp, width, height = 0.5, SIDE, SIDE

    def read(self, x, y, width, height, mpp):
        columns = x + (np.arange(width) + 0.5) * mpp / self.mpp
        row = np.where(columns >= DARK, 10, 200).astype(np.uint8)
        return np.ascontiguousarray(np.broadcast_to(row[None, :, None], (height, width, 3)))

    def close(self):
        pass


@pytest.fixture
def dataset(monkeypatch):
    monkeypatch.setattr(Case, "open_slide", lambda case: HalfDark())
    return PatchDataset([Case(Path("a.svs"))], [source()], SCHEME, VIEWS, teaching=True)


def source():
    tissue = TissueMask(np.ones((125, 125), bool), 8.0, 0.5)
    region = Annotation("invasive", shapely.box(*REGION))
    return PatchSource(0, SIDE, SIDE, 0.5, tissue, AnnotationSet((region,)))


def calls_dark_invasive(images):
    fine, wide = images
    assert fine.shape[1:] == (3, 64, 64)
    assert wide.shape == (len(fine), 3, 32, 32)
    return torch.where(fine[:, 0] < 100, 3, 0)


def test_weight_is_the_share_of_normal_pixels_that_is_taken_for_something_else(dataset):
    places = [(1600.0, 300.0), (1200.0, 300.0), (1168.0, 300.0), (900.0, 300.0)]
    found = mine(calls_dark_invasive, dataset, [PatchKey(0, *place) for place in places], batch=3)
    weights = [1.0, 0.5, 0.25]
    assert found.places == tuple(
        (0, *place, weight) for place, weight in zip(places[:3], weights, strict=True)
    )


def test_other_classes_are_not_normal_whatever_they_are_taken_for(dataset):
    centre = PatchKey(0, 400.0, 400.0)
    assert mine(lambda images: torch.ones(1, 64, 64).long(), dataset, [centre]) == HardPlaces()
    edge = PatchKey(0, 600.0, 400.0)  # half of it is normal
    ((*_, weight),) = mine(lambda _: torch.ones(1, 64, 64).long(), dataset, [edge]).places
    assert weight == 1.0


def test_nowhere_to_look(dataset):
    assert mine(calls_dark_invasive, dataset, []) == HardPlaces()


def test_what_was_hard_comes_up_more_often(dataset):
    def dark_keys(sampler):
        keys = [key for step in range(40) for key in sampler.batch(step, 8)]
        return sum(key.x > DARK for key in keys)

    sampler = PatchSampler([source()], SCHEME, VIEWS[0], 0, Sampling(hard=0.8))
    before = dark_keys(sampler)
    sampler.hard_places = mine(calls_dark_invasive, dataset, sampler.candidates(0, 40))
    assert sampler.hard_places.places
    assert dark_keys(sampler) > 1.5 * before


def test_hard_places_are_numbers_that_a_checkpoint_keeps(dataset, tmp_path):
    found = mine(calls_dark_invasive, dataset, [PatchKey(0, 1300.0, 300.0)])
    torch.save({"hard": found.places}, tmp_path / "checkpoint")
    kept = torch.load(tmp_path / "checkpoint", weights_only=True)["hard"]
    assert HardPlaces(kept) == found
