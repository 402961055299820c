"""How a slide is segmented."""

from typing import Literal, Self

from pydantic import model_validator

from carcinomap.settings import Settings, under

# Decide how fast a result comes, never what it is: not recorded with it, not compared.
SPEED_ONLY = frozenset({"readers"})

_network = under("Network")
_files = under("Files")
_machine = under("Machine")


class SegmentationSettings(Settings):
    """Options of the segmentation; all but ``readers`` can change the result."""

    tile: int = _network(
        1408,
        ge=32,
        le=8192,
        description="Side of the tiles the network sees, in map pixels; a network that takes one "
        "size alone gets that.",
    )
    overlap: int = _network(
        192,
        ge=0,
        le=4096,
        description="Pixels that neighbouring tiles share at least; they are blended there.",
    )
    batch: int | None = _network(
        None, ge=1, le=256, description="Tiles per pass through the network (chosen by itself)."
    )
    tta: bool = _network(
        False,
        description="Average over the eight orientations of every tile; eight times the work.",
    )
    probabilities: bool = _files(
        False, description="Also write the probability of every class, as OME-Zarr."
    )
    uncertainty: bool = _files(
        False, description="Also write how uncertain the classes are, as OME-Zarr."
    )
    outlines: bool = _files(True, description="Write the outlines of the regions, as GeoJSON.")
    min_area_um2: float = _files(
        2000.0, ge=0, description="Smallest region outlined, and smallest hole kept, in µm²."
    )
    simplify_um: float = _files(
        2.0, ge=0, le=1000, description="How far outlines may stray from the pixels, in µm."
    )
    skip_artefacts: bool = _network(
        False, description="Leave blurred, folded or inked tissue unmapped."
    )
    normalise: Literal["none", "macenko", "reinhard"] = _network(
        "none",
        description="Show the network each slide in the colours of the slides it was trained on, "
        "by the method of Macenko or of Reinhard.",
    )
    readers: int | None = _machine(
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
