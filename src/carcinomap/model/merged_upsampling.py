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


def merge_upsampling(decoder: UnetDecoder, deepest: int) -> None:
    """Make the blocks of the library's decoder quicker; the outputs differ by rounding alone.

    Args:
        decoder: With batch normalisation, repeated pixels and no attention, as it comes.
        deepest: Channels of the encoder's deepest features.
    """
    channels = deepest
    for number, block in enumerate(decoder.blocks):
        decoder.blocks[number] = MergedBlock(block, channels)
        channels = block.conv2[0].out_channels


def for_inference(network: nn.Module) -> nn.Module:
    """Return a copy of a network in evaluation mode that learns no more, its blocks fixed."""
    network = copy.deepcopy(network).eval().requires_grad_(False)
    for decoder in [module for module in network.modules() if isinstance(module, UnetDecoder)]:
        for number, block in enumerate(decoder.blocks):
            if isinstance(block, MergedBlock):
                decoder.blocks[number] = FixedBlock(block)
    return network


class MergedBlock(nn.Module):
    """What a decoder block does to features that are half as large as its output.

    It learns the same weights as the library's, under the same names.

    Args:
        block: The library's.
        channels: Of those features; all others of the block's input are what the encoder kept.
    """

    def __init__(self, block: UnetDecoderBlock, channels: int) -> None:
        super().__init__()
        self.channels = channels
        # Encoders keep nothing for the finest block, some of them nothing for the finest two.
        self.kept = block.conv1[0].in_channels - channels
        self.conv1 = block.conv1
        self.conv2 = block.conv2

    def forward(
        self, features: Tensor, height: int, width: int, skip_connection: Tensor | None = None
    ) -> Tensor:
        """Return (n, channels, height, width)."""
        convolution, normalisation, activation = self.conv1
        own = doubling(convolution.weight[:, : self.channels])
        joined = functional.conv_transpose2d(features, own, stride=2, padding=1)
        if skip_connection is not None and self.kept:
            kept = convolution.weight[:, self.channels :]
            joined = joined + functional.conv2d(skip_connection, kept, padding=1)
        result: Tensor = self.conv2(activation(normalisation(joined)))
        return result


class FixedBlock(nn.Module):
    """A merged block whose kernels are computed, its first normalisation within them.

    Runtimes put a normalisation into the convolution before it, but not into a sum of two.
    """

    def __init__(self, block: MergedBlock) -> None:
        super().__init__()
        old = fuse_conv_bn_eval(block.conv1[0], block.conv1[1])
        own, kept = old.weight[:, : block.channels], old.weight[:, block.channels :]
        # Without memory, and without drawing weights that are replaced at once.
        count, none = old.out_channels, "meta"
        self.on_features = nn.ConvTranspose2d(block.channels, count, 4, 2, padding=1, device=none)
        self.on_features.weight, self.on_features.bias = nn.Parameter(doubling(own)), old.bias
        self.on_kept = None
        if block.kept:
            self.on_kept = nn.Conv2d(block.kept, count, 3, padding=1, bias=False, device=none)
            self.on_kept.weight = nn.Parameter(kept)
        self.requires_grad_(False)
        self.activation = block.conv1[2]
        self.conv2 = block.conv2

    def forward(
        self, features: Tensor, height: int, width: int, skip_connection: Tensor | None = None
    ) -> Tensor:
        """Return (n, channels, height, width)."""
        joined = self.on_features(features)
        if skip_connection is not None and self.on_kept is not None:
            joined = joined + self.on_kept(skip_connection)
        result: Tensor = self.conv2(self.activation(joined))
        return result


def doubling(weight: Tensor) -> Tensor:
    """Return the kernel (in, out, 4, 4) that does with pixels what (out, in, 3, 3) did doubled."""
    padded = functional.pad(weight, (1, 1, 1, 1))
    rows = padded[:, :, :-1] + padded[:, :, 1:]
    kernel = rows[..., :-1] + rows[..., 1:]
    return kernel.flip(2, 3).transpose(0, 1)
