"""The report: one HTML page with numbers and pictures, that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor, log10
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from carcinomap.errors import CarcinomapError
from carcinomap.evaluation.pictures import (
    DIFFERENCES,
    IGNORED,
    Colour,
    SlidePictures,
    class_colours,
    slide_pictures,
)
from carcinomap.evaluation.scores import CaseScores, Scores
from carcinomap.evaluation.truth import RULE
from carcinomap.files import atomic_path
from carcinomap.progress import progress
from carcinomap.version import __version__


def write_report(scores: Scores, path: Path) -> None:
    """Write the report of a cohort's scores.

    The page is written slide by slide: memory holds the pictures of one slide at a time.

    Args:
        scores: The scores; slides, annotations and maps are opened once more for the pictures,
            and the page says so where one cannot be read any more.
        path: The HTML file.
    """
    environment = Environment(
        loader=PackageLoader("carcinomap.evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"score": score_text, "area": area_text, "css": _css}
    page = environment.get_template("report.html.j2").stream(
        scores=scores,
        total=scores.to_dict(),
        slides=_with_pictures(scores),
        colours=class_colours(scores.scheme),
        differences=DIFFERENCES,
        ignored=IGNORED,
        pixel_mm2=scores.mpp**2 / 1e6,
        rule=RULE,
        version=__version__,
    )
    with atomic_path(path) as temporary:
        page.dump(str(temporary), encoding="utf-8")


def score_text(score: float | None) -> str:
    """Return a score with three decimals; a dash where it is undefined.

    Only a perfect score reads 1.000: 0.9996 is not one.
    """
    if score is None:
        return "–"
    text = f"{score:.3f}"
    return "0.999" if text == "1.000" and score < 1 else text


def area_text(mm2: float) -> str:
    """Return an area in mm² with at least three digits, or that it is smaller than 0.001."""
    if 0 < mm2 < 0.001:
        return "< 0.001"
    # Rounded before it is looked at: 99.96 is 100, with no decimals.
    rounded = float(f"{mm2:.3g}")
    decimals = max(0, 2 - floor(log10(rounded))) if rounded else 0
    return f"{mm2:,.{decimals}f}"


def _css(colour: Colour) -> str:
    """Return a colour as CSS writes it; numbers only, whatever the scheme was read from."""
    return "rgb({:d} {:d} {:d})".format(*colour)


def _with_pictures(scores: Scores) -> Iterator[tuple[CaseScores, SlidePictures | str]]:
    """Yield every slide with its pictures, or with the reason why there are none."""
    with progress("report", len(scores.cases), "slides") as advance:
        for case in scores.cases:
            try:
                yield case, slide_pictures(case)
            except (CarcinomapError, OSError) as error:
                yield case, str(error)
            advance(1, case.case.name)
