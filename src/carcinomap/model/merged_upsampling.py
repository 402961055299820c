"""The same U-Net with a fifth less arithmetic.

A decoder block doubles its features by repeating pixels, joins what the encoder kept, and
convolves. Of the nine pixels under a 3 × 3 kernel only four then differ, and a transposed
convolution with stride 2, whose 4 × 4 kernel is the old one summed over 2 × 2 neighbours, does the
same with four products. It takes the features as they were: the doubled ones are never in memory.
"""

import copy

from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder, UnetDecoderBlock
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval


def merge_upsampling(network: nn.Module) -> nn.Module:
    """Return a copy of a network in evaluation mode, its U-Net decoders quicker.

    The outputs differ by rounding alone. What is no such decoder stays as it is.
    """
    network = copy.deepcopy(network).eval()
    for decoder in [module for module in network.modules() if isinstance(module, UnetDecoder)]:
        for number, block in enumerate(decoder.blocks):
            if isinstance(block, UnetDecoderBlock) and _is_plain(block):
                decoder.blocks[number] = MergedBlock(block)
    return network


def _is_plain(block: UnetDecoderBlock) -> bool:
    """Say whether a block does nothing but repeat, join, convolve and normalise."""
    return (
        block.interpolation_mode == "nearest"
        and isinstance(block.conv1[1], nn.BatchNorm2d)
        and isinstance(block.attention1.attention, nn.Identity)
    )


class MergedBlock(nn.Module):
    """What a decoder block does to features that are half as large as its output."""

    def __init__(self, block: UnetDecoderBlock) -> None:
        super().__init__()
        convolution = fuse_conv_bn_eval(block.conv1[0], block.conv1[1])
        self.weight = nn.Parameter(convolution.weight.detach(), requires_grad=False)
        self.bias = nn.Parameter(convolution.bias.detach(), requires_grad=False)
        self.activation = block.conv1[2]
        self.conv2 = block.conv2
        self.attention2 = block.attention2

    def forward(
        self, features: Tensor, height: int, width: int, skip_connection: Tensor | None = None
    ) -> Tensor:
        """Return (n, channels, height, width)."""
        own = features.shape[1]
        # Not before: only the features say how many of the kernel's channels are theirs.
        padded = functional.pad(self.weight[:, :own], (1, 1, 1, 1))
        rows = padded[:, :, :-1] + padded[:, :, 1:]
        kernel = rows[..., :-1] + rows[..., 1:]
        joined = functional.conv_transpose2d(
            features, kernel.flip(2, 3).transpose(0, 1), self.bias, stride=2, padding=1
        )
        if skip_connection is not None:
            joined = joined + functional.conv2d(skip_connection, self.weight[:, own:], padding=1)
        result: Tensor = self.attention2(self.conv2(self.activation(joined)))
        return result
