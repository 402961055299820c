"""What a result is of: two with the same identity are the same, byte for byte."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carcinomap.segmentation.job import Job
from carcinomap.segmentation.mapping.interest import fingerprint
from carcinomap.segmentation.settings import SPEED_ONLY
from carcinomap.slide import Slide
from carcinomap.storage import AnyPath, stamp
from carcinomap.version import __version__

if TYPE_CHECKING:
    from carcinomap.model import Model

SAMPLES, SAMPLE = 64, 4096  # pieces of a slide's file, and bytes of each


def identity_of(job: Job, models: "Sequence[Model]") -> dict[str, Any]:
    """Return what a result says it is of, as JSON holds it.

    Args:
        job: The slide, and how it is mapped.
        models: What maps it.
    """
    return {
        "slide": job.slide.path.name,
        "content": _content(job.slide),
        "model": described(models),
        "mpp": job.mpp,
        "size": list(job.size),
        "settings": job.settings.model_dump(mode="json", exclude=set(SPEED_ONLY)),
        "roi": None if job.regions is None else fingerprint(job.regions),
    }


def working_identity(job: Job, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an unfinished result must be of besides, for its bytes to come out the same."""
    changed: int | str | None = None
    with suppress(OSError):  # it may be gone by now
        _, changed = stamp(job.slide.path)
    return {
        **{key: value for key, value in identity.items() if key != "content"},
        "slide's mpp": job.slide.mpp,
        "slide's file": {**identity["content"], "changed": changed},
        "runtime": type(job.runtime).__name__,
        "version": __version__,
    }


def _content(slide: Slide) -> dict[str, Any]:
    """Return what two slides of one name differ by, and copies of one slide do not."""
    size: int | None = None
    with suppress(OSError):
        size, _ = stamp(slide.path)
    return {
        "bytes": size,
        "quickhash": slide.properties.get("openslide.quickhash-1"),
        "samples": _samples(slide.path),
    }


def _samples(path: AnyPath) -> str | None:
    """Return the SHA-256 of pieces all over a file on a disk, as all of it takes too long."""
    if not isinstance(path, Path) or not path.is_file():
        return None
    digest = hashlib.sha256()
    with path.open("rb") as file:
        last = max(0, path.stat().st_size - SAMPLE)
        for place in range(SAMPLES):
            file.seek(last * place // (SAMPLES - 1))
            digest.update(file.read(SAMPLE))
    return digest.hexdigest()


def described(models: "Sequence[Model]") -> dict[str, Any]:
    """Return what a result says of the models that made it."""
    first = models[0].spec
    if len(models) == 1:
        return {
            "architecture": first.architecture,
            "classes": list(first.classes.names),
            "sha256": models[0].fingerprint,
        }
    members = [described([model]) for model in models]
    together = hashlib.sha256("\n".join(member["sha256"] for member in members).encode())
    return {
        "architecture": "ensemble",
        "classes": list(first.classes.names),
        "sha256": together.hexdigest(),
        "members": members,
    }
