"""The libraries of numbers, pictures and outlines: whether they load."""

from collections.abc import Iterator
from functools import partial
from importlib import import_module

from carcinomap.doctor.line import Check, Line, reinstall
from carcinomap.doctor.requirements import installed

# What is imported first of a package: the part in which its native library is.
PARTS = {
    "numpy": "numpy",
    "scipy": "scipy.ndimage",
    "opencv-python-headless": "cv2",
    "shapely": "shapely",
    "rasterio": "rasterio.features",
    "pillow": "PIL.Image",
    "imagecodecs": "imagecodecs._jpeg8",
    "tifffile": "tifffile",
    "matplotlib": "matplotlib.figure",
}


def _loads(package: str) -> Iterator[Line]:
    import_module(PARTS[package])
    yield Line(package, "ok", installed(package) or "loads")


CHECKS = tuple(Check(name, partial(_loads, name), reinstall(name)) for name in PARTS)
