import pytest
import torch
from torch import nn

from carcinomap.model.atrous_resnet import AtrousResnet, Bottleneck


@pytest.fixture(scope="module")
def network() -> AtrousResnet:
    torch.manual_seed(0)
    return AtrousResnet(classes=3, width=1 / 8).eval()


@pytest.mark.parametrize("size", [(8, 8), (64, 64), (72, 136)])
def test_logits_have_full_size(network, size):
    with torch.no_grad():
        assert network(torch.rand(2, 3, *size)).shape == (2, 3, *size)


@pytest.mark.parametrize(("size", "hint"), [((60, 64), "64 × 64"), ((64, 65), "64 × 72")])
def test_a_wrong_size_gives_an_error_that_names_the_right_one(network, size, hint):
    with pytest.raises(ValueError, match=hint):
        network(torch.rand(1, 3, *size))


def test_the_full_network_is_the_one_of_the_description():
    """Three bottlenecks a group; widths, strides and dilations as the project's origin has them."""
    with torch.device("meta"):
        network = AtrousResnet(classes=4)
    assert [len(group) for group in network.groups] == [3, 3, 3, 3]
    middles = [[block.residual[2][0] for block in group] for group in network.groups]
    outer = [[block.residual[4][0].out_channels for block in group] for group in network.groups]
    assert outer == [[256] * 3, [512] * 3, [1024] * 3, [2048] * 3]
    assert [[m.stride[0] for m in group] for group in middles] == [
        [1, 1, 1], [2, 1, 1], [1, 1, 1], [1, 1, 1]
    ]  # fmt: skip
    assert [{m.dilation[0] for m in group} for group in middles] == [{1}, {1}, {2}, {4}]
    assert [branch.dilation[0] for branch in network.pyramid] == [6, 12, 18, 24]
    assert network.stem[0].kernel_size == (7, 7)
    skips = [module[1] for module in (network.skip_half, network.skip_quarter)]
    assert [skip.kernel_size for skip in skips] == [(4, 4), (4, 4)]
    assert [skip.in_channels for skip in skips] == [64, 256]
    activations = {type(m) for m in network.modules() if "activation" in type(m).__module__}
    assert activations == {nn.ELU}


def test_the_features_are_an_eighth_of_the_image(network):
    seen = []
    hook = network.pyramid[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        network(torch.rand(1, 3, 64, 128))
    hook.remove()
    assert seen[0].shape == (1, 256, 8, 16)


def test_a_shift_by_the_stride_shifts_the_logits(network):
    """Away from the border, the network sees the same wherever it looks."""
    images = torch.zeros(1, 3, 640, 640)
    images[..., 300:340, 300:340] = torch.rand(1, 3, 40, 40)
    with torch.no_grad():
        here, there = network(images), network(images.roll((8, 16), (2, 3)))
    window = here[..., 296:344, 296:344]
    torch.testing.assert_close(there[..., 304:352, 312:360], window, rtol=1e-3, atol=1e-4)


def test_every_weight_learns():
    network = AtrousResnet(classes=2, width=1 / 16)
    network(torch.rand(2, 3, 64, 64)).square().mean().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_a_bottleneck_without_change_of_shape_keeps_its_input_as_it_is():
    assert isinstance(Bottleneck(16, 16, 1, 1).shortcut, nn.Identity)
    assert not isinstance(Bottleneck(8, 16, 1, 1).shortcut, nn.Identity)
    assert not isinstance(Bottleneck(16, 16, 2, 1).shortcut, nn.Identity)
