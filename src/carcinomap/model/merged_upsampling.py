"""The same U-Net with a fifth less arithmetic.

A decoder block doubles its features by repeating pixels, joins what the encoder kept, and
convolves. Of the nine pixels under a 3 × 3 kernel only four then differ, and a transposed
convolution with stride 2, whose 4 × 4 kernel is the old one summed over 2 × 2 neighbours, does the
same with four products. It takes the features as they were: the doubled ones are never in memory.
It learns the same weights under the same names.
"""

from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder, UnetDecoderBlock
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval


def merge_upsampling(decoder: UnetDecoder) -> None:
    """Make the blocks of the library's decoder quicker; the outputs differ by rounding alone.

    Args:
        decoder: With batch normalisation, repeated pixels and no attention, as it comes.
    """
    for number, block in enumerate(decoder.blocks):
        decoder.blocks[number] = MergedBlock(block)


def fuse_normalisation(network: nn.Module) -> None:
    """Put the normalisation of merged blocks into their kernels; the network learns no more.

    Args:
        network: In evaluation mode. Runtimes fuse what comes after a single convolution, but here
            it comes after the sum of two.
    """
    for block in network.modules():
        if isinstance(block, MergedBlock):
            block.conv1[0] = fuse_conv_bn_eval(block.conv1[0], block.conv1[1])
            block.conv1[1] = nn.Identity()


class MergedBlock(nn.Module):
    """What a decoder block does to features that are half as large as its output."""

    def __init__(self, block: UnetDecoderBlock) -> None:
        super().__init__()
        self.conv1 = block.conv1
        self.conv2 = block.conv2

    def forward(
        self, features: Tensor, height: int, width: int, skip_connection: Tensor | None = None
    ) -> Tensor:
        """Return (n, channels, height, width)."""
        convolution, normalisation, activation = self.conv1
        own = features.shape[1]
        padded = functional.pad(convolution.weight[:, :own], (1, 1, 1, 1))
        rows = padded[:, :, :-1] + padded[:, :, 1:]
        kernel = rows[..., :-1] + rows[..., 1:]
        joined = functional.conv_transpose2d(
            features, kernel.flip(2, 3).transpose(0, 1), convolution.bias, stride=2, padding=1
        )
        # Of some encoders, the finest stages have no channels.
        if skip_connection is not None and int(skip_connection.shape[1]):
            kept = convolution.weight[:, own:]
            joined = joined + functional.conv2d(skip_connection, kept, padding=1)
        result: Tensor = self.conv2(activation(normalisation(joined)))
        return result
