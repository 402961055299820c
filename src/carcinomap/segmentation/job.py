"""One slide to be mapped: what, with what and how."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from carcinomap.annotation import AnnotationSet, ClassScheme
from carcinomap.errors import InputError
from carcinomap.segmentation.settings import SegmentationSettings
from carcinomap.slide import Slide
from carcinomap.slide.stain import REFERENCE, StainStatistics

if TYPE_CHECKING:
    from carcinomap.model import Runtime

COARSEST = 1.5  # slide's mpp / model's mpp: beyond, what the model looks for is not there


@dataclass(frozen=True)
class Job:
    """One slide to be mapped.

    Attributes:
        slide: The slide.
        runtime: What executes the model, or models.
        settings: How.
        regions: Only what lies inside is mapped; None maps all tissue.
        stain: The colours that the slide is given, where the settings ask for it.

    Raises:
        InputError: The slide is too coarse for the model.
    """

    slide: Slide
    runtime: "Runtime"
    settings: SegmentationSettings
    regions: AnnotationSet | None = None
    stain: StainStatistics = REFERENCE

    def __post_init__(self) -> None:
        if self.slide.mpp > COARSEST * self.mpp:
            raise InputError(
                f"{self.slide.path}: {self.slide.mpp:g} µm per pixel is coarser than the "
                f"{self.mpp:g} µm of the model by more than {COARSEST} ×; what the model looks for "
                "cannot be seen in it"
            )

    @property
    def classes(self) -> ClassScheme:
        """What the map tells apart."""
        return self.runtime.classes

    @property
    def mpp(self) -> float:
        """Microns per pixel of the map."""
        return self.runtime.views[0].mpp

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the map."""
        return self.slide.size_at(self.mpp)

    @property
    def ratio(self) -> float:
        """Level-0 pixels for each pixel of the map."""
        return self.mpp / self.slide.mpp
