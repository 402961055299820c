import copy

import pytest
import torch
from torch import nn

from carcinomap.training.depthwise import in_full_precision_on_cpu


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 5, groups=8), nn.ReLU(), nn.Conv2d(8, 2, 1)
    )


def test_only_depthwise_convolutions_are_in_full_precision(network):
    images, seen = torch.randn(2, 3, 16, 16), []
    for module in network:
        module.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    in_full_precision_on_cpu(network)
    with torch.autocast("cpu", torch.bfloat16):
        half = network(images)
        assert torch.is_autocast_enabled("cpu")
    full, mixed = torch.float32, torch.bfloat16
    assert seen == [mixed, full, mixed, mixed]
    assert half.dtype == mixed
    assert (half.float() - network(images)).abs().max() < 0.02
    assert seen[4:] == [full] * 4


def test_all_weights_learn(network):
    in_full_precision_on_cpu(network)
    with torch.autocast("cpu", torch.bfloat16):
        network(torch.randn(2, 3, 16, 16)).float().square().mean().backward()
    for weight in network.parameters():
        assert weight.grad.dtype == torch.float32
        assert weight.grad.abs().max() > 0


def test_a_failure_leaves_half_precision_on(network):
    in_full_precision_on_cpu(network)
    with torch.autocast("cpu", torch.bfloat16):
        with pytest.raises(RuntimeError):
            network[1](torch.randn(2, 3, 16, 16))  # not its number of channels
        assert torch.is_autocast_enabled("cpu")


def test_copies_do_the_same(network):
    in_full_precision_on_cpu(network)
    images, other = torch.randn(2, 3, 16, 16), copy.deepcopy(network)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(network(images), other(images))
