import numpy as np
import pytest
import torch
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoderBlock

from carcinomap.model import build_network
from carcinomap.model.merged_upsampling import MergedBlock, merge_upsampling


def seasoned(module):
    """Give batch normalisation statistics as training does, not zeros and ones."""
    random = torch.Generator().manual_seed(5)
    for one in module.modules():
        if isinstance(one, torch.nn.BatchNorm2d):
            one.running_mean = torch.randn(one.num_features, generator=random)
            one.running_var = torch.rand(one.num_features, generator=random) + 0.5
            one.weight.data = torch.randn(one.num_features, generator=random)
            one.bias.data = torch.randn(one.num_features, generator=random)
    return module.eval()


@pytest.mark.parametrize("skip", [0, 3])
def test_a_block_gives_the_same(skip):
    torch.manual_seed(1)
    block = seasoned(UnetDecoderBlock(5, skip, 7))
    features, kept = torch.randn(2, 5, 6, 9), torch.randn(2, skip, 12, 18) if skip else None
    with torch.no_grad():
        expected = block(features, 12, 18, kept)
        found = MergedBlock(block)(features, 12, 18, kept)
    assert expected.std() > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", ["unet", "context-unet"])
def test_a_network_gives_the_same_and_stays_as_it_was(architecture):
    torch.manual_seed(2)
    network = build_network(architecture, "resnet18", 3, pretrained=False)
    module = seasoned(network.module)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    images = [torch.randn(1, 3, 256, 128) for _ in network.views(1.0, 128)]
    merged = merge_upsampling(module)
    assert sum(isinstance(one, MergedBlock) for one in merged.modules()) == 5
    with torch.no_grad():
        expected, found = module(*images), merged(*images)
    scale = float(expected.abs().max())
    np.testing.assert_allclose(found / scale, expected / scale, atol=1e-5)
    assert not any(isinstance(one, MergedBlock) for one in module.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


@pytest.mark.parametrize(
    "options", [{"attention_type": "scse"}, {"interpolation_mode": "bilinear"}]
)
def test_what_cannot_be_merged_stays(options):
    class Holder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            network = build_network("unet", "resnet18", 3, pretrained=False).module
            self.decoder = network.decoder
            self.decoder.blocks[1] = UnetDecoderBlock(5, 3, 7, **options)

    merged = merge_upsampling(Holder())
    assert [isinstance(block, MergedBlock) for block in merged.decoder.blocks] == [
        number != 1 for number in range(5)
    ]
