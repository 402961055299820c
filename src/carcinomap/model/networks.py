"""Build a network by the names of its architecture and encoder."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
from torch import nn

from carcinomap.errors import InputError
from carcinomap.model import atrous_resnet
from carcinomap.model.coarse_output import OUTPUT_STRIDES, coarsen
from carcinomap.model.context_unet import ContextUnet
from carcinomap.model.encoder import (
    DEFAULT_ENCODER,
    choose,
    encoder_preprocessing,
    encoders,
    library_name,
    load_pretrained,
)
from carcinomap.model.encoder_file import load_encoder_file
from carcinomap.model.merged_upsampling import merge_upsampling
from carcinomap.model.spec import Preprocessing
from carcinomap.slide import View

__all__ = ["Network", "architectures", "build_network", "encoders", "rebuild_network"]

REFERENCE = "atrous-resnet"
UNET = "unet"
CONTEXT = "context-unet"
MIN_WIDTH, MAX_WIDTH = 1 / 16, 4.0
MIN_CONTEXT, MAX_CONTEXT = 2, 8
DECODER_CHANNELS = (256, 128, 64, 32, 16)  # the library's

# What each architecture is built from, besides the number of classes; all others from an encoder.
_KWARGS: dict[str, dict[str, type]] = {
    REFERENCE: {"width": float},
    CONTEXT: {"encoder": str, "context": float},
}
# Of U-Nets; 1 where a model file does not say.
_DECODER: dict[str, type] = {"decoder_width": float, "output_stride": float}


@dataclass(frozen=True)
class Network:
    """A network and what must be known to build it again and to feed it.

    Attributes:
        module: Normalised images (n, 3, h, w), one for each view, → logits (n, classes, h, w).
        architecture: Its name, as ``architectures`` lists it.
        kwargs: ``encoder``, with ``context`` for the context network, and ``decoder_width`` and
            ``output_stride`` where they are not 1; ``width`` for the reference.
        stride: Height and width of an input are multiples of it, in pixels.
        preprocessing: How it wants its pixels.
        scales: For each view, how many times as many microns a pixel has as one of the first.
    """

    module: nn.Module
    architecture: str
    kwargs: Mapping[str, Any]
    stride: int
    preprocessing: Preprocessing
    scales: tuple[float, ...] = (1.0,)

    def views(self, mpp: float, size: int) -> tuple[View, ...]:
        """Return what it sees where its map has ``mpp`` and a patch ``size`` pixels."""
        return tuple(View(mpp * scale, size) for scale in self.scales)


def architectures() -> tuple[str, ...]:
    """Return the names of all architectures, the default first."""
    library = sorted(smp.MODEL_ARCHITECTURES_MAPPING)
    library.remove(UNET)
    return (UNET, CONTEXT, REFERENCE, *library)


def build_network(
    architecture: str = UNET,
    encoder: str = DEFAULT_ENCODER,
    classes: int = 4,
    pretrained: bool | Path = True,
    *,
    width: float = 1.0,
    context: float = 4,
    decoder_width: float = 1.0,
    output_stride: float = 1,
) -> Network:
    """Build a network with new weights.

    Args:
        architecture: One of ``architectures``, in any case.
        encoder: One of ``encoders``, in any case, or ``tu-`` with any name that timm knows.
            The reference network, ``atrous-resnet``, has no encoder to choose.
        classes: Number of classes.
        pretrained: Start the encoder from ImageNet weights. Those of ``efficientnet-lite0``
            are installed with carcinomap, others are downloaded; the reference network has none.
            A file: start it from the weights there (``load_encoder_file``).
        width: Factor on the channels of the reference network, 1/16 to 4.
        context: How many times as wide the context network, ``context-unet``, sees in its second
            view; a whole number from 2 to 8.
        decoder_width: Factor on the channels of a U-Net's decoder, 1/16 to 4; also of the context
            network's.
        output_stride: Side of the squares of pixels, 1, 2 or 4, for which a U-Net, also that of the
            context network, decides at once; between them it interpolates.

    Raises:
        InputError: A name is unknown, a number is out of its range, or encoder and architecture
            do not go together, or not with the pretrained weights.
        CarcinomapError: The pretrained weights cannot be had.
    """
    architecture = choose(architecture, architectures(), "architecture")
    if architecture == REFERENCE:
        if isinstance(pretrained, Path):
            raise InputError(f"{pretrained}: {REFERENCE} has no encoder to load weights into")
        return _reference_network(classes, width)
    if architecture == CONTEXT:
        unet = _unet(encoder, classes, pretrained, decoder_width, output_stride)
        return _context_network(unet, context)
    if architecture == UNET:
        return _unet(encoder, classes, pretrained, decoder_width, output_stride)
    return _library_network(architecture, encoder, classes, pretrained)


def rebuild_network(architecture: str, kwargs: Mapping[str, Any], classes: int) -> Network:
    """Build the network that a model file describes, for its weights to be loaded into.

    Raises:
        InputError: There is no such architecture, or ``kwargs`` are not its own.
    """
    if architecture not in architectures():
        raise InputError(f"no architecture is called {architecture!r}")
    kinds = _KWARGS.get(architecture, {"encoder": str})
    allowed = kinds | (_DECODER if architecture in (UNET, CONTEXT) else {})
    given = {name: type(value) for name, value in kwargs.items()}
    if not kinds.items() <= given.items() <= allowed.items():
        names = " and ".join(allowed)
        raise InputError(f"kwargs: {architecture} is built from {names} alone, not {dict(kwargs)}")
    return build_network(architecture, classes=classes, pretrained=False, **kwargs)


def _reference_network(classes: int, width: float) -> Network:
    _check_width(width, REFERENCE)
    return Network(
        module=atrous_resnet.AtrousResnet(classes, width),
        architecture=REFERENCE,
        kwargs={"width": float(width)},
        stride=atrous_resnet.STRIDE,
        preprocessing=Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    )


def _unet(
    encoder: str,
    classes: int,
    pretrained: bool | Path,
    decoder_width: float,
    output_stride: float,
) -> Network:
    _check_width(decoder_width, "the decoder")
    if output_stride not in OUTPUT_STRIDES:
        raise InputError(f"output stride {output_stride:g}: not one of {OUTPUT_STRIDES}")
    # Vectors of a processor have eight numbers or sixteen.
    channels = [max(8, 8 * round(count * decoder_width / 8)) for count in DECODER_CHANNELS]
    network = _library_network(UNET, encoder, classes, pretrained, decoder_channels=channels)
    unet: Any = network.module
    merge_upsampling(unet.decoder, unet.encoder.out_channels[-1])
    kwargs = dict(network.kwargs)
    if decoder_width != 1:
        kwargs["decoder_width"] = float(decoder_width)
    if output_stride != 1:
        coarsen(unet, classes, int(output_stride))
        kwargs["output_stride"] = float(output_stride)
    return replace(network, kwargs=kwargs)


def _check_width(width: float, of: str) -> None:
    if not MIN_WIDTH <= width <= MAX_WIDTH:
        raise InputError(
            f"width {width:g} of {of}: it can be 1/16 to {MAX_WIDTH:g} times as wide as by default"
        )


def _library_network(
    architecture: str, encoder: str, classes: int, pretrained: bool | Path, **options: Any
) -> Network:
    encoder, name = library_name(encoder)
    try:
        module = smp.create_model(
            architecture, name, encoder_weights=None, classes=classes, **options
        )
    except Exception as error:  # every kind: each encoder refuses in its own way
        raise InputError(
            f"encoder {encoder} does not go with architecture {architecture} ({error})"
        ) from error
    if isinstance(pretrained, Path):
        load_encoder_file(module.encoder, pretrained)
    elif pretrained:
        load_pretrained(module.encoder, name)
    return Network(
        module=module,
        architecture=architecture,
        kwargs={"encoder": encoder},
        stride=module.encoder.output_stride,
        preprocessing=encoder_preprocessing(name, pretrained is True),
    )


def _context_network(unet: Network, context: float) -> Network:
    if not (MIN_CONTEXT <= context <= MAX_CONTEXT and float(context).is_integer()):
        raise InputError(
            f"context {context}: {CONTEXT} can see {MIN_CONTEXT} to {MAX_CONTEXT} times as wide, "
            "in whole numbers"
        )
    wide = copy.deepcopy(unet.module.get_submodule("encoder"))
    return Network(
        module=ContextUnet(unet.module, wide, int(context)),
        architecture=CONTEXT,
        kwargs={**unet.kwargs, "context": float(context)},
        # A step of this many fine pixels is one stride of the wide view too: tiles that lie on
        # multiples of it see the same in both.
        stride=unet.stride * int(context),
        preprocessing=unet.preprocessing,
        scales=(1.0, float(context)),
    )
