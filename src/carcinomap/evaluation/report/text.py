"""Numbers as people read them, and as CSS and a sorting script do."""

from __future__ import annotations

from carcinomap.evaluation.pictures import Colour
from carcinomap.segmentation.folder.gallery import area_text

__all__ = ["area_text", "css", "distance_text", "percent_text", "score_text", "sort_key"]


def score_text(score: float | None) -> str:
    """Return a score with three decimals; a dash where it is undefined.

    Only a perfect score reads 1.000: 0.9996 is not one.
    """
    if score is None:
        return "–"
    text = f"{score:.3f}".replace("-", "−")
    return "0.999" if text == "1.000" and score < 1 else text


def distance_text(microns: float | None) -> str:
    """Return a distance in whole µm; a dash where it is undefined."""
    return "–" if microns is None else f"{microns:,.0f}"


def percent_text(share: float) -> str:
    """Return a share in percent; only all of it reads 100, and only nothing 0."""
    if 0 < share < 0.0005:
        return "< 0.1 %"
    return "99.9 %" if 0.9995 <= share < 1 else f"{100 * share:.1f} %"


def css(colour: Colour) -> str:
    """Return a colour as CSS writes it; numbers only, whatever the scheme was read from."""
    return "rgb({:d} {:d} {:d})".format(*colour)


def sort_key(value: float | str | None) -> str:
    """Return what a cell is sorted by; nothing where it is undefined, which comes last."""
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:.9g}"
