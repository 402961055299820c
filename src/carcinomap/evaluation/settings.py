"""How maps are compared with annotations."""

from pydantic import Field

from carcinomap.settings import Settings


class EvaluationSettings(Settings):
    """Settings of one evaluation; two that differ in them do not compare."""

    mpp: float = Field(
        1.0,
        ge=0.05,
        le=1000,
        description="Microns per pixel at which a second reader's annotations are compared; class "
        "maps have their own.",
    )
    detail_mpp: float = Field(
        4.0,
        ge=0.05,
        le=1000,
        description="Microns per pixel at which boundaries and regions are looked at, where the "
        "maps are not coarser.",
    )
    tolerance_um: float = Field(
        50.0,
        ge=0,
        le=1000,
        description="How far two boundaries may lie apart and still agree, in µm.",
    )
    min_region_um2: float = Field(
        5000.0, ge=0, description="Smaller regions are not counted as regions, in µm²."
    )
    overlap: float = Field(
        0.5, gt=0, le=1, description="Share of a region that has to be right for it to be found."
    )
    resamples: int = Field(
        2000, ge=100, le=100_000, description="Cohorts that are drawn for the intervals."
    )
