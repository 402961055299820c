"""Converted networks, kept for the next time: converting takes seconds and a gigabyte.

Without a folder that can be written to, networks are converted each time.
"""

import hashlib
import os
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

from carcinomap.model.conversion import converted
from carcinomap.model.spec import Model
from carcinomap.model.views import Shapes
from carcinomap.storage import cache_folder
from carcinomap.version import __version__

FORM = 2  # to be raised whenever the same model is converted to something else
KEPT = 16  # networks, each as large as its weights
NAMES = ("network.xml", "network.bin")


def networks_folder() -> Path:
    """Return where converted networks are kept."""
    return cache_folder("networks")


def cached_conversion(model: Model, shapes: Shapes | None = None) -> tuple[bytes, bytes]:
    """Return what ``converted`` does, from the cache where it is there.

    Raises:
        InputError: The model's file is not usable.
        CarcinomapError: The network cannot be converted.
    """
    place = networks_folder() / _key(model, shapes)
    try:
        description, weights = ((place / name).read_bytes() for name in NAMES)
        os.utime(place)
    except OSError:
        description, weights = converted(model, shapes)
        _keep(place, description, weights)
    return description, weights


def _key(model: Model, shapes: Shapes | None) -> str:
    """Return a name for all that decides about the result."""
    libraries = [f"{name} {_version(name)}" for name in ("openvino", "torch", "timm")]
    parts = [model.fingerprint, repr(shapes), f"{__version__} {FORM}", *libraries]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def _keep(place: Path, description: bytes, weights: bytes) -> None:
    """Put a network into the cache, whole or not at all; the oldest ones make room for it."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=place.parent) as folder:
            whole = Path(folder, "whole")
            whole.mkdir()
            for name, content in zip(NAMES, (description, weights), strict=True):
                (whole / name).write_bytes(content)
            whole.replace(place)
        networks = sorted(place.parent.iterdir(), key=lambda path: path.stat().st_mtime)
        for oldest in networks[:-KEPT]:
            shutil.rmtree(oldest, ignore_errors=True)
    except OSError:
        return  # full, read-only, or another process was quicker
