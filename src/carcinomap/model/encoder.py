"""The encoders of segmentation-models-pytorch: their names, weights and preprocessing."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

import segmentation_models_pytorch as smp
import timm
import torch
from huggingface_hub import constants, get_session
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import nn

from carcinomap.errors import CarcinomapError, InputError
from carcinomap.model.spec import Preprocessing
from carcinomap.model.weights import load_efficientnet_lite0

DEFAULT_ENCODER = "efficientnet-lite0"

# The library has this network twice. Its own "timm-tf_efficientnet_lite0" pads convolutions and
# normalises batches otherwise than the network that was trained on ImageNet: with the same
# weights the deepest features differ by as much as they vary. timm's has no such fault.
_DEFAULT_NAME = "tu-tf_efficientnet_lite0"

HUB_SECONDS = 5.0  # for the hub to say that it is there


def encoders() -> tuple[str, ...]:
    """Return the names of the encoders, the default first; ``tu-`` names of timm are more."""
    return (DEFAULT_ENCODER, *sorted(smp.encoders.get_encoder_names()))


def choose(name: str, names: Iterable[str], what: str) -> str:
    """Return the one of ``names`` that ``name`` is, in any case.

    Raises:
        InputError: It is none of them; the message lists those that are spelt alike.
    """
    by_lower = {known.lower(): known for known in names}
    if name.lower() in by_lower:
        return by_lower[name.lower()]
    near = get_close_matches(name.lower(), by_lower, n=5, cutoff=0.5)
    hint = ", ".join(by_lower[match] for match in near)
    if not hint:
        hint = ", ".join(list(by_lower.values())[:20])
    raise InputError(f"no {what} is called {name!r}; there is {hint}")


def library_name(encoder: str) -> tuple[str, str]:
    """Return an encoder's name as users and as the library know it.

    Raises:
        InputError: There is no such encoder.
    """
    lower = encoder.lower()
    if lower.startswith("tu-") and timm.is_model(lower.removeprefix("tu-")):
        return lower, lower
    among = encoders()
    if lower.startswith("tu-"):
        among = tuple(f"tu-{name}" for name in timm.list_models())
    name = choose(encoder, among, "encoder")
    return name, _DEFAULT_NAME if name == DEFAULT_ENCODER else name


def load_pretrained(encoder: nn.Module, name: str) -> None:
    """Load ImageNet weights into an encoder.

    Args:
        encoder: As the library built it.
        name: The library's name of it.

    Raises:
        InputError: The architecture has the encoder built in another way than its weights.
        CarcinomapError: The weights cannot be had.
    """
    if name == _DEFAULT_NAME:
        with _fitting(DEFAULT_ENCODER):
            load_efficientnet_lite0(encoder.get_submodule("model"))
        return
    # Whether they fit is seen before any are fetched, and draws no numbers that others wait for.
    with _fitting(name), torch.random.fork_rng(devices=[]):
        encoder.load_state_dict(smp.encoders.get_encoder(name, weights=None).state_dict())
    with _hub(f"the ImageNet weights of {name}"):
        trained = smp.encoders.get_encoder(name, weights=_weights_name(name))
    with _fitting(name):
        encoder.load_state_dict(trained.state_dict())


def encoder_preprocessing(name: str, pretrained: bool) -> Preprocessing:
    """Return what an encoder's ImageNet weights were trained with.

    Without those weights, and where only the hub knows, ImageNet's own mean and deviation.

    Raises:
        CarcinomapError: The hub knows, but cannot be reached.
    """
    local = name.startswith("tu-") and timm.models.is_model_pretrained(name.removeprefix("tu-"))
    if not local and not pretrained:
        return Preprocessing(IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)
    if local:
        found = smp.encoders.get_preprocessing_params(name)
    else:
        with _hub(f"the preprocessing of {name}"):
            found = smp.encoders.get_preprocessing_params(name, _weights_name(name))
    white = max(found["input_range"])  # some count pixels from 0 to 255
    mean, std = ([float(value) / white for value in found[key]] for key in ("mean", "std"))
    return Preprocessing((mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))


def _weights_name(name: str) -> str | bool:
    """Return what the library calls an encoder's ImageNet weights, or the nearest it has."""
    if name not in smp.encoders.encoders:
        return True  # timm's: the name of the encoder says which
    known: list[str] = list(smp.encoders.encoders[name]["pretrained_settings"])
    return "imagenet" if "imagenet" in known else known[0]


@contextmanager
def _fitting(name: str) -> Iterator[None]:
    """Load weights within the block; those of another structure are an error that says so.

    Raises:
        InputError: They do not fit.
    """
    try:
        yield
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"the ImageNet weights of {name} do not fit this architecture, which has the encoder "
            "built in another way; train without them (--no-pretrained), or use another "
            "architecture"
        ) from error


@contextmanager
def _hub(wanted: str) -> Iterator[None]:
    """Fetch within the block; what is in the local cache is found without a network, too.

    The hub's client repeats a failed request for minutes. So the hub is asked once whether it
    is there, and if not, the client is told to look into its cache alone.

    Raises:
        CarcinomapError: ``wanted`` could not be fetched.
    """
    was_offline = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = was_offline or not _hub_answers()
    try:
        yield
    except Exception as error:  # of the hub's client, whichever library that is built on
        raise CarcinomapError(
            f"{wanted} could not be fetched ({type(error).__name__}); connect to the network, "
            f"train without pretrained weights (--no-pretrained), or use the encoder "
            f"{DEFAULT_ENCODER}, whose weights are installed"
        ) from error
    finally:
        constants.HF_HUB_OFFLINE = was_offline


def _hub_answers() -> bool:
    try:
        get_session().head(constants.ENDPOINT, timeout=HUB_SECONDS)
    except Exception:  # see above
        return False
    return True
