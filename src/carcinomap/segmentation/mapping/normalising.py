"""In which colours the network is shown a slide."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from carcinomap.errors import InputError
from carcinomap.segmentation.job import Job
from carcinomap.segmentation.settings import SegmentationSettings
from carcinomap.slide.stain import (
    REFERENCE,
    Normaliser,
    StainStatistics,
    median_of,
    statistics_of,
)
from carcinomap.slide.tissue.mask import Mask

if TYPE_CHECKING:
    from carcinomap.model import Model


def stain_of(models: "Sequence[Model]") -> StainStatistics:
    """Return how the slides were stained that models have learnt from, as their files say it.

    Of several models it is the median; the published reference where none of them says.

    Raises:
        InputError: A model says what cannot be.
    """
    told = [model.spec.training["stain"] for model in models if model.spec.training.get("stain")]
    try:
        return median_of([StainStatistics.from_dict(one) for one in told]) if told else REFERENCE
    except InputError as error:
        raise InputError(
            f"the model does not say rightly how its slides were stained ({error}); "
            "use it with --normalise none"
        ) from error


def target_of(models: "Sequence[Model]", settings: SegmentationSettings) -> StainStatistics:
    """Return the colours that slides are given, where the settings ask for any.

    Raises:
        InputError: See ``stain_of``.
    """
    return REFERENCE if settings.normalise == "none" else stain_of(models)


def normaliser_of(job: Job, tissue: Mask) -> Normaliser | None:
    """Return what gives a slide the colours that its job asks for; None where it keeps its own.

    Raises:
        InputError: The slide's pixels cannot be read, or do not show how it is stained.
    """
    if job.settings.normalise == "none":
        return None
    return Normaliser(job.settings.normalise, statistics_of(job.slide, tissue), job.stain)
