"""Where the work is done."""

from carcinomap.settings import Settings, under

_machine = under("Machine")


class WorkSettings(Settings):
    """Options of all commands that work slide by slide; none changes a result."""

    processes: int | None = _machine(
        None,
        ge=1,
        le=1024,
        description="Slides at once, each in a process of its own (chosen by itself).",
    )
    memory_gb: float | None = _machine(
        None, gt=0, description="A slide whose process takes more memory fails; no limit otherwise."
    )
    retries: int = _machine(
        2, ge=0, le=100, description="How often a slide whose process died is begun again."
    )
    cluster: str | None = _machine(
        None,
        description="Work on a Ray cluster: 'auto' for a running one, its address, or 'local'.",
    )
