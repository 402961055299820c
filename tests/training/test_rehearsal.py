"""Before a training, what could stop it in the middle or let processes wait for ever."""

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


def test_what_fits_is_counted_on_one_device():
    with pytest.raises(ValueError, match="--batch 0 counts what fits on one GPU"):
        TrainingSettings(batch=0, devices=2)
