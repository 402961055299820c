"""Where the work is done."""

from pydantic import Field

from carcinomap.settings import Settings


class WorkSettings(Settings):
    """Options of all commands that work slide by slide; none changes a result."""

    processes: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="Slides at once, each in a process of its own (chosen by itself).",
    )
    memory_gb: float | None = Field(
        None, gt=0, description="A slide whose process takes more memory fails; no limit otherwise."
    )
    retries: int = Field(
        2, ge=0, le=100, description="How often a slide whose process died is begun again."
    )
    cluster: str | None = Field(
        None,
        description="Work on a Ray cluster: 'auto' for a running one, its address, or 'local'.",
    )
