"""U-Nets that decide for squares of pixels."""

import pytest
import torch
from torch.nn.functional import interpolate

from carcinomap.errors import InputError
from carcinomap.model import build_network


@pytest.mark.parametrize("architecture", ["unet", "context-unet"])
@pytest.mark.parametrize(("output_stride", "blocks"), [(1, 5), (2, 4), (4, 3)])
def test_the_finest_blocks_are_left_out(architecture, output_stride, blocks):
    network = build_network(
        architecture, "tu-test_efficientnet", 3, pretrained=False, output_stride=output_stride
    )
    unet = network.module if architecture == "unet" else network.module.unet
    assert len(unet.decoder.blocks) == blocks
    views = [torch.rand(2, 3, network.stride, 2 * network.stride) for _ in network.scales]
    assert network.module(*views).shape == (2, 3, network.stride, 2 * network.stride)


@pytest.mark.parametrize("output_stride", [2, 4])
def test_between_decisions_it_is_interpolated(output_stride):
    torch.manual_seed(3)
    unet = build_network(
        "unet", "tu-test_efficientnet", 3, pretrained=False, output_stride=output_stride
    ).module.eval()
    image = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        found = unet(image)
        decided = unet.segmentation_head[0](unet.decoder(unet.encoder(image)))
    assert decided.shape == (1, 3, 64 // output_stride, 96 // output_stride)
    assert decided.std() > 0.01
    expected = interpolate(decided, (64, 96), mode="bilinear", align_corners=False)
    torch.testing.assert_close(found, expected)


def test_where_a_tile_ends_does_not_matter():
    torch.manual_seed(3)
    unet = build_network(
        "unet", "tu-test_efficientnet", 3, pretrained=False, output_stride=2
    ).module.eval()
    image = torch.rand(1, 3, 256, 512)
    with torch.no_grad():
        whole, left = unet(image), unet(image[..., :384])
    torch.testing.assert_close(whole[..., :128], left[..., :128], atol=1e-5, rtol=0)


@pytest.mark.parametrize("output_stride", [0, 3, 8])
def test_other_squares_are_refused(output_stride):
    with pytest.raises(InputError, match=f"output stride {output_stride}"):
        build_network("unet", "resnet18", 3, pretrained=False, output_stride=output_stride)
