"""How large a pixel is, decided in one way for every kind of file."""

import math
from collections.abc import Mapping

from carcinomap.errors import InputError
from carcinomap.storage import AnyPath

AGREEMENT = 0.01  # relative difference of x and y up to which pixels count as square
# Programs write 72, 96 or 300 dots per inch into any TIFF: 353, 265 and 85 µm, which no
# microscope means.
PLAUSIBLE = (0.05, 20.0)
# Light shows nothing finer than the one; the other is a centimetre, wider than most tissue.
POSSIBLE = (0.01, 10_000.0)
MICRONS = {"centimeter": 10_000.0, "inch": 25_400.0}
UNITS = {1: "none", 2: "inch", 3: "centimeter"}  # TIFF's numbers, OpenSlide's words
# Vendor whose openslide.mpp-x is nothing but the resolution tags.
GENERIC = "generic-tiff"


class MissingMppError(InputError):
    """The file does not say how many microns a pixel has, and nobody else did."""


def check_mpp(mpp: float | None, told: str = "") -> None:
    """Make sure that what somebody says of the microns of a pixel can be so.

    Args:
        mpp: What is said; None where nothing is.
        told: How it is said, for the message; an option where empty.

    Raises:
        InputError: It is no positive number, or no microscope has such pixels.
    """
    if mpp is None:
        return
    told = told or f"--mpp {mpp:g}"
    low, high = POSSIBLE
    if not (math.isfinite(mpp) and mpp > 0):
        raise InputError(f"{told} is not a positive number")
    if mpp < low:
        raise InputError(f"{told} is less than {low:g} microns per pixel; is it in millimetres?")
    if mpp > high:
        raise InputError(f"{told} is more than {high:,.0f} microns per pixel")


def microns_per_pixel(
    path: AnyPath, properties: Mapping[str, str], given: float | None
) -> tuple[float, str]:
    """Return microns per level-0 pixel and who says so: ``given``, ``vendor``, ``resolution tags``.

    Args:
        path: The slide, for messages.
        properties: Its metadata under OpenSlide's names.
        given: What the user says; overrides the file.

    Raises:
        MissingMppError: Nobody says it.
        InputError: Pixels are not square, or of a size that no microscope has.
    """
    if given is not None:
        return given, "given"
    for source, sizes in (("vendor", _vendor(properties)), ("resolution tags", _tags(properties))):
        if sizes is not None:
            return _square(path, *sizes), source
    raise MissingMppError(
        f"{path}: the file does not say how many microns a pixel has; "
        "give it with --mpp where it is inspected or mapped, and in a column 'mpp' of the cohort's "
        "CSV to check, train and evaluate (0.25 is usual for 40x scans, 0.5 for 20x)"
    )


def resolution_properties(x: float | None, y: float | None, unit: int | None) -> dict[str, str]:
    """Return a TIFF's resolution tags under OpenSlide's names.

    Args:
        x: Pixels per unit across, as the tag says.
        y: The same down.
        unit: TIFF's number of the unit; inches where it is missing.
    """
    if x is None or y is None:
        return {}
    return {
        "tiff.XResolution": f"{float(x):.9g}",
        "tiff.YResolution": f"{float(y):.9g}",
        "tiff.ResolutionUnit": UNITS.get(unit or 2, "none"),
    }


def positive(text: str | None) -> float | None:
    """Return the number in a metadata field if it can be a size; a decimal comma is a point."""
    try:
        value = float(text.replace(",", ".")) if text is not None else 0.0
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def _vendor(properties: Mapping[str, str]) -> tuple[float, float] | None:
    if properties.get("openslide.vendor") == GENERIC:
        return None
    x = positive(properties.get("openslide.mpp-x"))
    y = positive(properties.get("openslide.mpp-y"))
    return None if x is None or y is None else (x, y)


def _tags(properties: Mapping[str, str]) -> tuple[float, float] | None:
    microns = MICRONS.get(properties.get("tiff.ResolutionUnit", ""))
    x = positive(properties.get("tiff.XResolution"))
    y = positive(properties.get("tiff.YResolution"))
    if microns is None or x is None or y is None:
        return None
    low, high = PLAUSIBLE
    sizes = microns / x, microns / y
    return sizes if low <= min(sizes) and max(sizes) <= high else None


def _square(path: AnyPath, x: float, y: float) -> float:
    low, high = POSSIBLE
    if min(x, y) < low or max(x, y) > high:
        raise InputError(
            f"{path}: it says {x:g} microns per pixel, which no microscope has; "
            "say with --mpp how many there are"
        )
    if abs(x - y) > AGREEMENT * max(x, y):
        raise InputError(
            f"{path}: {x:g} microns per pixel across but {y:g} down; "
            "say with --mpp which one is right"
        )
    return (x + y) / 2
