"""How slides are cut into tiles."""

from typing import Literal

from pydantic import Field, model_validator

from carcinomap.settings import Settings


class TileSettings(Settings):
    """Settings of a folder of tiles."""

    size: int = Field(2000, ge=64, le=10_000, description="Side of a tile in pixels.")
    mpp: float = Field(0.5, ge=0.05, le=64, description="Microns per pixel of the tiles.")
    overlap: int = Field(
        0, ge=0, description="Pixels that neighbouring tiles have in common, less than --size."
    )
    format: Literal["jpeg", "png"] = Field(
        "jpeg", description="Of the images; labels are always lossless PNG."
    )
    quality: int = Field(90, ge=1, le=100, description="Of JPEG.")
    tissue: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Least share of tissue; tiles with an outlined region are always kept.",
    )

    @model_validator(mode="after")
    def _goes_on(self) -> "TileSettings":
        if self.overlap >= self.size:
            raise ValueError("--overlap must be less than --size")
        return self

    @property
    def suffix(self) -> str:
        """The suffix of the images' names."""
        return ".jpg" if self.format == "jpeg" else ".png"
