"""How a folder of maps was made: ``run.json``, enough to make it again."""

import json
import platform
import shlex
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from carcinomap.files import write_json
from carcinomap.storage import without_secrets
from carcinomap.version import __version__

NAME = "run"

START = b'{\n  "carcinomap": '
"""How every record of a run begins that carcinomap wrote."""

LARGEST = 64_000_000  # bytes

KEPT = ("seconds", "attempts", "host", "quickhash", "version", "resumed")
"""What a later run keeps of a slide that it did not map."""

# What can change a pixel of a map.
PACKAGES = (
    *("numpy", "openvino", "torch", "openslide-bin", "openslide-python", "tifffile", "imagecodecs"),
    *("opencv-python-headless", "rasterio", "scipy", "shapely"),
)

Status = Literal["done", "was there", "failed", "not done"]


@dataclass(frozen=True)
class SlideRun:
    """What became of one slide.

    Attributes:
        slide: Its file.
        name: Its name.
        status: ``not done`` where the run was stopped before.
        reason: Why it failed.
        seconds: What mapping it took, in this run or in the one that made the map.
        attempts: How often it was begun.
        host: On which machine.
        quickhash: OpenSlide's, where it reads the slide.
        version: What its storage calls the content of a slide that is elsewhere.
        resumed: A part of the map was there, so that the seconds are those of the rest.
    """

    slide: str
    name: str
    status: Status
    reason: str | None = None
    seconds: float | None = None
    attempts: int = 0
    host: str = ""
    quickhash: str | None = None
    version: str | None = None
    resumed: bool = False


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        begun: When.
        model: What mapped the slides, as ``NAME.json`` has it.
        settings: How.
        options: What else was asked for, and where the work was done.
        slides: All of them, in the order asked for.
    """

    begun: datetime
    model: Mapping[str, Any]
    settings: Mapping[str, Any]
    options: Mapping[str, Any]
    slides: Sequence[SlideRun]


def write_manifest(run: Run, path: Path) -> None:
    """Write the record of a run that ends now.

    What an earlier record says of slides that this run found mapped, or did not come to, is kept.
    """
    before = _earlier(path, run.model)
    slides = [_with_earlier(one, before.get(one.name)) for one in run.slides]
    ended = datetime.now(UTC)
    write_json(
        path,
        {
            "carcinomap": __version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "packages": {name: found for name in PACKAGES if (found := _version(name))},
            "command": shlex.join(map(without_secrets, sys.argv)),
            "begun": run.begun.isoformat(timespec="seconds"),
            "ended": ended.isoformat(timespec="seconds"),
            "seconds": round((ended - run.begun).total_seconds(), 1),
            "model": dict(run.model),
            "settings": dict(run.settings),
            "options": dict(run.options),
            "counts": dict(Counter(one.status for one in slides)),
            "slides": [asdict(one) for one in slides],
        },
    )


def _with_earlier(one: SlideRun, before: Mapping[str, Any] | None) -> SlideRun:
    if one.status not in ("was there", "not done") or before is None:
        return one
    kept = {key: before.get(key) for key in KEPT}
    return replace(one, **kept)  # type: ignore[arg-type]


def _earlier(path: Path, model: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return what the record there says of each slide, if it is of the same model."""
    try:
        if path.stat().st_size > LARGEST:
            return {}
        record = json.loads(path.read_bytes())
        if record["model"]["sha256"] != model["sha256"]:
            return {}
        return {one["name"]: one for one in record["slides"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}  # there is none, or it is of someone else's making


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
