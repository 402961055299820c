import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoderBlock

from carcinomap.model import build_network
from carcinomap.model.merged_upsampling import FixedBlock, MergedBlock, for_inference


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


@pytest.fixture(params=[0, 3], ids=["nothing kept", "three channels kept"])
def block_and_inputs(request):
    torch.manual_seed(1)
    kept = torch.randn(2, request.param, 12, 18)
    features = torch.randn(2, 5, 6, 9)
    block = UnetDecoderBlock(5, request.param, 7)
    return block, (features, 12, 18, kept)


def test_a_block_gives_the_same(block_and_inputs):
    block, inputs = block_and_inputs
    seasoned(block)
    with torch.no_grad():
        expected, found = block(*inputs), MergedBlock(block, 5)(*inputs)
    assert expected.std() > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_block_without_anything_to_join_gives_the_same():
    torch.manual_seed(1)
    block, features = UnetDecoderBlock(5, 0, 7), torch.randn(2, 5, 6, 9)
    with torch.no_grad():
        expected, found = block(features, 12, 18), MergedBlock(block, 5)(features, 12, 18)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_block_learns_the_same(block_and_inputs):
    block, inputs = block_and_inputs
    block = block.double().train()
    features, height, width, kept = inputs
    gradients = []
    for module in (block, MergedBlock(block, 5)):
        leaves = [features.double().requires_grad_(), kept.double().requires_grad_()]
        result = module(leaves[0], height, width, leaves[1])
        block.zero_grad()
        (result * torch.arange(result.numel()).view_as(result).sin()).sum().backward()
        gradients.append([one.grad for one in (*leaves, *block.parameters()) if one.numel()])
    assert all(gradient.abs().max() > 0.1 for gradient in gradients[0])
    for expected, found in zip(*gradients, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)


# The finest stages of MiT and ConvNeXt have no channels.
@pytest.mark.parametrize("encoder", ["resnet18", "mit_b0", "tu-test_convnext"])
def test_a_network_gives_what_the_librarys_gives_with_its_weights(encoder):
    torch.manual_seed(2)
    library = seasoned(smp.Unet(encoder, encoder_weights=None, classes=3))
    network = build_network("unet", encoder, 3, pretrained=False).module.eval()
    network.load_state_dict(library.state_dict())
    assert sum(isinstance(one, MergedBlock) for one in network.modules()) == 5
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        expected = library(image)
        results = network(image), for_inference(network)(image)
    scale = float(expected.abs().max())
    for found in results:
        np.testing.assert_allclose(found / scale, expected / scale, atol=1e-5)


@pytest.mark.parametrize("architecture", ["unet", "context-unet"])
def test_for_inference_it_gives_the_same_and_stays_as_it_was(architecture):
    torch.manual_seed(3)
    network = build_network(architecture, "tu-test_efficientnet", 3, pretrained=False)
    module = seasoned(network.module)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    images = [torch.randn(1, 3, 256, 128) for _ in network.views(1.0, 128)]
    fixed = for_inference(module.train())
    module.eval()
    assert sum(isinstance(one, FixedBlock) for one in fixed.modules()) == 5
    assert not any(one.requires_grad for one in fixed.parameters())
    with torch.no_grad():
        expected, found = module(*images), fixed(*images)
    scale = float(expected.abs().max())
    np.testing.assert_allclose(found / scale, expected / scale, atol=1e-5)
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert all(one.requires_grad for one in module.parameters())


def test_the_librarys_own_decoder_stays_for_inference_and_nothing_random_is_drawn():
    library = seasoned(smp.Unet("tu-test_efficientnet", encoder_weights=None, classes=3))
    ours = build_network("unet", "tu-test_efficientnet", 3, pretrained=False).module
    image = torch.ones(1, 3, 64, 64)
    state = torch.get_rng_state()
    fixed, _ = for_inference(library), for_inference(ours)
    assert torch.equal(torch.get_rng_state(), state)
    with torch.no_grad():
        assert torch.equal(fixed(image), library(image))
