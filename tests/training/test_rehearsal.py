"""Before a training, what could stop it in the middle or let processes wait for ever."""

from dataclasses import replace

import pytest
import torch

from carcinomap.errors import InputError
from carcinomap.model import build_network
from carcinomap.training.batches import Division
from carcinomap.training.rehearsal import rehearse
from carcinomap.training.settings import TrainingSettings


def network_of(architecture, encoder="resnet18"):
    network = build_network(architecture, encoder, 2, pretrained=False)
    return network, network.views(1.0, 64)


def frozen(network):
    return [name for name, weight in network.module.named_parameters() if not weight.requires_grad]


def test_weights_of_which_nothing_depends_are_frozen_where_processes_would_wait_for_them():
    network, views = network_of("pspnet")
    before = {name: tensor.clone() for name, tensor in network.module.state_dict().items()}
    rehearse(network, views, Division(4))
    assert not frozen(network)
    rehearse(network, views, Division(4, processes=2))
    assert frozen(network)
    assert all(name.startswith(("encoder.layer3", "encoder.layer4")) for name in frozen(network))
    after = network.module.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    network, views = network_of("unet")
    rehearse(network, views, Division(4, processes=2))
    assert not frozen(network)


@pytest.mark.parametrize("division", [Division(2, parts=2), Division(2, processes=2)])
def test_a_network_that_needs_several_patches_is_not_given_one(division):
    with pytest.raises(InputError, match="cannot learn from one patch at a time; give a --batch"):
        rehearse(*network_of("deeplabv3plus"), division)
    rehearse(*network_of("unet"), division)


@pytest.mark.parametrize("division", [Division(4), Division(4, processes=2)])
def test_a_patch_that_is_too_small_is_told(division):
    network, views = network_of("pan")
    with pytest.raises(InputError, match=r"pan cannot learn .* --patch 64 \(.*; try another --p"):
        rehearse(network, views, division)
    rehearse(network, network.views(1.0, 128), division)


def test_a_size_that_an_encoder_is_built_for_is_told():
    network, _ = network_of("fpn", "tu-swin_tiny_patch4_window7_224")
    with pytest.raises(InputError, match=r"fpn .* --patch 64 \(.*224"):
        rehearse(network, network.views(1.0, 64), Division(2))


def test_nothing_random_is_drawn_and_the_network_stays_as_it_was():
    network, views = network_of("deeplabv3plus")  # has dropout
    before = {name: tensor.clone() for name, tensor in network.module.state_dict().items()}
    state = torch.get_rng_state()
    for division in (Division(4), Division(4, processes=2)):
        rehearse(network, views, division)
    assert torch.equal(torch.get_rng_state(), state)
    after = network.module.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


class Looking(torch.nn.Conv2d):
    """Sees of what value its input is, which takes an input that has one."""

    def forward(self, images):
        torch.rand(1)
        kernel = 1 if images.mean().item() < 1 else 2
        return super().forward(torch.nn.functional.max_pool2d(images, kernel))


@pytest.mark.parametrize("kernel", [3, 99])
def test_a_network_that_looks_at_what_it_computes_is_given_something_to_see(kernel):
    network, views = network_of("unet")
    network = replace(network, module=Looking(3, 2, kernel))
    state = torch.get_rng_state()
    if kernel > 64:
        with pytest.raises(InputError, match="Kernel size can't be greater"):
            rehearse(network, views, Division(2))
    else:
        rehearse(network, views, Division(2, processes=2))
    assert torch.equal(torch.get_rng_state(), state)


def test_what_fits_is_counted_on_one_device():
    with pytest.raises(ValueError, match="--batch 0 counts what fits on one GPU"):
        TrainingSettings(batch=0, devices=2)
