"""How large the demo is."""

from pydantic import Field

from carcinomap.settings import Settings


class DemoSettings(Settings):
    """Settings of the demo; the defaults take a few minutes on a laptop."""

    slides: int = Field(6, ge=2, le=100, description="Slides to train on, two of each patient.")
    size: int = Field(4096, ge=1280, le=20_000, description="Side of a slide in pixels of 0.5 µm.")
    steps: int = Field(150, ge=1, description="Training steps.")
    seed: int = Field(0, ge=0, description="Seed of the slides and the training.")
    workers: int | None = Field(
        None, ge=0, description="Processes that read patches (chosen by the number of cores)."
    )
