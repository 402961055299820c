"""How a slide is segmented."""

from typing import Literal, Self

from pydantic import Field, model_validator

from carcinomap.settings import Settings

# Decide how fast a result comes, never what it is: not recorded with it, not compared.
SPEED_ONLY = frozenset({"readers"})


class SegmentationSettings(Settings):
    """Options of the segmentation; all but ``readers`` can change the result."""

    tile: int = Field(
        1408, ge=32, le=8192, description="Side of the tiles the network sees, in map pixels."
    )
    overlap: int = Field(
        192,
        ge=0,
        le=4096,
        description="Pixels that neighbouring tiles share at least; they are blended there.",
    )
    batch: int | None = Field(
        None, ge=1, le=256, description="Tiles per pass through the network (chosen by itself)."
    )
    tta: bool = Field(
        False,
        description="Average over the eight orientations of every tile; eight times the work.",
    )
    probabilities: bool = Field(
        False, description="Also write the probability of every class, as OME-Zarr."
    )
    uncertainty: bool = Field(
        False, description="Also write how uncertain the classes are, as OME-Zarr."
    )
    outlines: bool = Field(True, description="Write the outlines of the regions, as GeoJSON.")
    min_area_um2: float = Field(
        2000.0, ge=0, description="Smallest region outlined, and smallest hole kept, in µm²."
    )
    simplify_um: float = Field(
        2.0, ge=0, le=1000, description="How far outlines may stray from the pixels, in µm."
    )
    skip_artefacts: bool = Field(
        False, description="Leave blurred, folded or inked tissue unmapped."
    )
    normalise: Literal["none", "macenko", "reinhard"] = Field(
        "none",
        description="Show the network each slide in the colours of the slides it was trained on, "
        "by the method of Macenko or of Reinhard.",
    )
    readers: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Threads that read the slide, and as many that finish the map (chosen by "
        "itself).",
    )

    @model_validator(mode="after")
    def _overlap_leaves_a_step(self) -> Self:
        if self.overlap > self.tile // 2:
            raise ValueError(f"overlap {self.overlap} is more than half the tile {self.tile}")
        return self
