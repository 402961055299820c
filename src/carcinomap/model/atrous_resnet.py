"""The reference network: a residual network that widens its view with holes in its kernels.

A stem and four groups of bottlenecks (He et al., "Deep residual learning", 2015) of which the
last two keep the resolution and dilate instead; a sum of dilated branches that looks at four
scales at once ("atrous spatial pyramid", Chen et al., "DeepLab", 2017); and a decoder of
transposed convolutions with skips added in (Long et al., "Fully convolutional networks", 2015).
"""

from torch import Tensor, nn

STRIDE = 8
WIDTHS = (256, 512, 1024, 2048)
STRIDES = (1, 2, 1, 1)
DILATIONS = (1, 1, 2, 4)
BLOCKS = 3
PYRAMID = (6, 12, 18, 24)
DECODER = 8  # channels of the decoder for each class


class AtrousResnet(nn.Module):
    """Normalised images (n, 3, h, w) → logits (n, classes, h, w); h and w are multiples of 8.

    Args:
        classes: Number of classes.
        width: Factor on the number of channels of stem and bottlenecks; 1 is the full network.
    """

    def __init__(self, classes: int, width: float = 1.0) -> None:
        super().__init__()
        stem, *groups = (_round8(channels * width) for channels in (64, *WIDTHS))
        self.stem = _normalised(3, stem, 7, stride=2)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.groups = nn.ModuleList()
        before = stem
        for channels, stride, dilation in zip(groups, STRIDES, DILATIONS, strict=True):
            blocks = [Bottleneck(before, channels, stride, dilation)]
            blocks += [Bottleneck(channels, channels, 1, dilation) for _ in range(BLOCKS - 1)]
            self.groups.append(nn.Sequential(*blocks))
            before = channels
        decoder = DECODER * classes
        self.pyramid = nn.ModuleList(
            nn.Conv2d(before, decoder, 3, padding=rate, dilation=rate) for rate in PYRAMID
        )
        self.up_to_quarter = _doubled(decoder, decoder)
        self.skip_quarter = _skip(groups[0], decoder)
        self.up_to_half = _doubled(decoder, decoder)
        self.skip_half = _skip(stem, decoder)
        self.up_to_full = _doubled(decoder, classes)
        self.activation = nn.ELU()
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits.

        Raises:
            ValueError: Height or width is not a multiple of 8; the message names what to use.
        """
        _check_size(*images.shape[-2:])
        half = self.activation(self.stem(images))
        quarter = self.groups[0](self.pool(half))
        eighth = quarter
        for group in list(self.groups)[1:]:
            eighth = group(eighth)
        scores = self.activation(sum(branch(eighth) for branch in self.pyramid))
        scores = self.activation(self.up_to_quarter(scores) + self.skip_quarter(quarter))
        scores = self.activation(self.up_to_half(scores) + self.skip_half(half))
        logits: Tensor = self.up_to_full(scores)
        return logits


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolutions beside a shortcut; the 3×3 one strides and dilates."""

    def __init__(self, before: int, channels: int, stride: int, dilation: int) -> None:
        super().__init__()
        inner = _round8(channels / 4)
        self.residual = nn.Sequential(
            _normalised(before, inner, 1),
            nn.ELU(),
            _normalised(inner, inner, 3, stride, dilation),
            nn.ELU(),
            _normalised(inner, channels, 1),
        )
        same = before == channels and stride == 1
        self.shortcut = nn.Identity() if same else _normalised(before, channels, 1, stride)
        self.activation = nn.ELU()

    def forward(self, features: Tensor) -> Tensor:
        """Return features of ``channels`` channels, smaller by ``stride``."""
        result: Tensor = self.activation(self.shortcut(features) + self.residual(features))
        return result


def _normalised(
    before: int, channels: int, kernel: int, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(before, channels, kernel, stride, padding, dilation, bias=False),
        nn.BatchNorm2d(channels),
    )


def _doubled(before: int, channels: int) -> nn.ConvTranspose2d:
    """Double the resolution exactly; every output pixel sees 2 × 2 of the kernel's 4 × 4."""
    return nn.ConvTranspose2d(before, channels, 4, stride=2, padding=1)


def _skip(before: int, channels: int) -> nn.Sequential:
    """Keep the resolution; an even kernel needs one more pixel of padding on one side."""
    return nn.Sequential(nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(before, channels, 4))


def _round8(channels: float) -> int:
    """Return the nearest multiple of 8, the granularity that vector units like."""
    return max(8, 8 * round(channels / 8))


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _check_size(height: int, width: int) -> None:
    if height % STRIDE or width % STRIDE:
        nearest = [max(STRIDE, STRIDE * -(-side // STRIDE)) for side in (height, width)]
        raise ValueError(
            f"height {height} and width {width} must be multiples of {STRIDE}; "
            f"use {nearest[0]} × {nearest[1]}"
        )
