"""How common classes are in tissue and in patches."""

import math
from dataclasses import replace

import pytest
import shapely
import torch
from small_training import SMALL

from carcinomap.annotation import Annotation, AnnotationSet, ClassScheme
from carcinomap.model import build_network, load_model
from carcinomap.slide import View
from carcinomap.training import TrainingSettings, train
from carcinomap.training.data import prepare, sampler_of
from carcinomap.training.frequency import area_in_patches, area_in_tissue, prior_shift
from carcinomap.training.initial import lower_scores
from carcinomap.training.loss import SegmentationLoss

SCHEME = ClassScheme.default()
VIEW = View(1.0, 64)


@pytest.fixture(scope="module")
def data(cohort):
    return prepare(cohort, SCHEME, TrainingSettings(validation_share=0))


def test_area_in_tissue_is_that_of_the_mask(data):
    areas = area_in_tissue(data.training, SCHEME)
    assert areas.sum() / 1e6 == pytest.approx(data.tissue_mm2(), rel=1e-5)
    outlined = data.annotated_mm2(SCHEME)["train"]
    for index, name in enumerate(SCHEME.names[1:], 1):  # glass within outlines is no tissue
        assert 0.8 * outlined[name] < areas[index] / 1e6 <= 1.02 * outlined[name]


def test_patches_drawn_by_area_are_as_tissue_is(data):
    in_tissue = area_in_tissue(data.training, SCHEME)
    outlined = float(in_tissue[1:].sum() / in_tissue.sum())
    shifts = {}
    for background in (0.0, 1 - outlined):
        settings = TrainingSettings(background=background)
        sampler = sampler_of(data, SCHEME, settings, VIEW)
        in_patches = area_in_patches(data.training, SCHEME, sampler, VIEW)
        shifts[background] = prior_shift(in_patches, in_tissue)
    assert shifts[0.0][0] < -0.3
    assert abs(shifts[1 - outlined][0]) < 0.1


def test_a_class_that_the_grid_of_the_tissue_misses_is_there(data):
    tiny = shapely.box(500, 500, 501, 501)  # between the centres of two cells of 16 px
    source = replace(
        data.training[0],
        annotations=AnnotationSet((Annotation("invasive", tiny),)),
    )
    areas = area_in_tissue([source], SCHEME)
    assert areas[1:].tolist() == [0, 0, source.tissue.mpp**2]


def test_glass_counts_where_it_is_taught(data):
    sampler = sampler_of(data, SCHEME, TrainingSettings(), VIEW)
    tissue, taught = (
        area_in_patches(data.training, SCHEME, sampler, VIEW, glass=glass)
        for glass in (False, True)
    )
    assert taught[0] > tissue[0] * 1.02
    torch.testing.assert_close(taught[1:], tissue[1:])


def test_balanced_weights_leave_the_prior_as_it_is(data):
    in_patches, in_tissue = torch.tensor([0.5, 0.5]), torch.tensor([0.9, 0.1])
    weights = torch.tensor([0.2, 1.8])
    shift = prior_shift(in_patches, in_tissue) + weights.log()
    loss = SegmentationLoss(0.0, weights=weights, shift=shift)
    scores = torch.zeros(1, 2, 1, 1, requires_grad=True)
    labels = torch.tensor([[[0, 1]]])
    optimiser = torch.optim.LBFGS([scores], max_iter=100)

    def closure():
        optimiser.zero_grad()
        value = loss(scores.expand(1, 2, 1, 2), labels)
        value.backward()
        return value

    optimiser.step(closure)
    torch.testing.assert_close(scores.detach().softmax(1).flatten(), in_tissue, atol=1e-3, rtol=0)


def test_shift():
    shift = prior_shift(torch.tensor([30.0, 30, 40, 0, 0]), torch.tensor([900.0, 0, 100, 0, 7]))
    total = 1007
    expected = [math.log(0.3 / (900 / total)), 0, math.log(0.4 / (100 / total)), 0, 0]
    torch.testing.assert_close(shift, torch.tensor(expected))
    rare = prior_shift(torch.tensor([1.0, 1]), torch.tensor([1e9, 1.0]))
    assert float(rare[1]) == pytest.approx(math.log(100))


@pytest.mark.parametrize("prior", ["tissue", "patches"])
def test_a_network_begins_with_the_prior_that_is_asked_for(cohort, tmp_path, prior):
    still = {"steps": 1, "learning_rate": 1e-12, "ema": 0.0, "validation_share": 0}
    settings = TrainingSettings(**SMALL, **still, prior=prior)
    first = train(cohort, tmp_path / "first", settings).model
    bias = load_model(first).network.state_dict()["segmentation_head.0.bias"]
    assert (bias[0] > bias[1:].max() + 0.1) == (prior == "tissue")
    again = train(cohort, tmp_path / "again", settings, init=first).model
    kept = load_model(again).network.state_dict()["segmentation_head.0.bias"]
    torch.testing.assert_close(kept, bias)  # it has it from the first


@pytest.mark.parametrize("architecture", ["unet", "context-unet", "atrous-resnet", "fpn"])
@torch.no_grad()
def test_scores_are_lowered_in_the_last_layer(architecture):
    network = build_network(architecture, "tu-test_efficientnet", 3, pretrained=False, width=0.25)
    module = network.module.eval()
    images = [torch.rand(1, 3, view.size, view.size) for view in network.views(1.0, 128)]
    before = module(*images)
    shift = torch.tensor([0.5, 0.0, -1.0])
    lower_scores(module, shift)
    expected = before - shift.view(1, 3, 1, 1)
    torch.testing.assert_close(module(*images), expected, rtol=1e-4, atol=1e-4)
