"""What carcinomap was installed with, and what it asks for."""

from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement

DISTRIBUTION = "carcinomap"
FOR_DEVELOPERS = "dev"


def required(extra: str = "") -> Iterator[Requirement]:
    """Return what is asked for, by all or by an extra alone.

    Raises:
        PackageNotFoundError: carcinomap itself is not installed.
    """
    for text in metadata.requires(DISTRIBUTION) or ():
        requirement = Requirement(text)
        always = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": extra})
        if wanted and (always is not bool(extra)):
            yield requirement


def extras() -> list[str]:
    """Return the extras that users may want.

    Raises:
        PackageNotFoundError: carcinomap itself is not installed.
    """
    named = metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") or []
    return sorted(set(named) - {FOR_DEVELOPERS})


def installed(package: str) -> str | None:
    """Return the version of a package that is here; None where there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def command(requirement: Requirement) -> str:
    """Return what installs it."""
    return f'pip install "{requirement.name}{requirement.specifier}"'
