"""A U-Net that decides for squares of pixels and interpolates between them.

Its finest block sees nothing of the image: what an encoder keeps is half as fine as its input at
best. It only smooths what the coarser ones found, on the largest feature maps of the network.
"""

from typing import Any

from torch import nn

OUTPUT_STRIDES = (1, 2, 4)


def coarsen(unet: Any, classes: int, output_stride: int) -> None:
    """Leave out the finest blocks of the library's U-Net.

    Args:
        unet: With merged decoder blocks.
        classes: Number of classes.
        output_stride: Side of the squares in pixels, one of ``OUTPUT_STRIDES``.
    """
    blocks = unet.decoder.blocks
    for _ in range(OUTPUT_STRIDES.index(output_stride)):
        del blocks[-1]
    channels = blocks[-1].conv2[0].out_channels
    unet.segmentation_head = nn.Sequential(
        nn.Conv2d(channels, classes, 3, padding=1),
        # Corners not aligned: a pixel's value must not depend on how large a tile it lies in.
        nn.Upsample(scale_factor=output_stride, mode="bilinear", align_corners=False),
    )
