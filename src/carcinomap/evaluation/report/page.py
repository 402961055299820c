"""The page: what the templates are given, and how it is written."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from carcinomap.errors import CarcinomapError
from carcinomap.evaluation.confusion import has_bach_classes
from carcinomap.evaluation.pictures import (
    DIFFERENCES,
    IGNORED,
    SlidePictures,
    class_colours,
    slide_pictures,
)
from carcinomap.evaluation.prediction import map_name
from carcinomap.evaluation.report import text
from carcinomap.evaluation.report.charts import area_chart, class_shapes, reliability_chart
from carcinomap.evaluation.report.learning import learning_charts
from carcinomap.evaluation.report.worst import with_crops, worst_regions
from carcinomap.evaluation.scores import (
    CaseScores,
    Figures,
    Scores,
    class_figures,
    figures,
    overall_figures,
)
from carcinomap.evaluation.truth import RULE
from carcinomap.files import atomic_path
from carcinomap.progress import Advance, progress
from carcinomap.version import __version__

PICTURED_SLIDES = 60
"""So many slides have pictures, the worst; browsers do not like pages of hundreds of megabytes."""
PICTURED_REGIONS = 9
LISTED_REGIONS = 60
SIDES = ((8, 900), (24, 600), (PICTURED_SLIDES, 400))
"""Longer side of a picture in pixels where there are so many slides."""


@dataclass(frozen=True)
class Row:
    """A slide: its place among all, worst first, and its scores."""

    number: int
    case: CaseScores
    overall: Figures
    classes: dict[str, Figures]

    @property
    def is_pictured(self) -> bool:
        """Whether the page has pictures of it."""
        return self.number <= PICTURED_SLIDES


def write_report(scores: Scores, path: Path) -> None:
    """Write the report of a cohort's scores.

    The page is written slide by slide: memory holds the pictures of one slide at a time, and those
    of the worst regions.

    Args:
        scores: The scores; slides, annotations and maps are opened once more for the pictures,
            and the page says so where one cannot be read any more.
        path: The HTML file.
    """
    rows = _rows(scores)
    regions = worst_regions(scores, LISTED_REGIONS)
    pictured, listed = regions[:PICTURED_REGIONS], regions[PICTURED_REGIONS:]
    steps = len({id(one.case) for one in pictured}) + min(len(rows), PICTURED_SLIDES)
    with progress("report", steps, "slides") as advance, atomic_path(path) as temporary:
        page = (
            _environment()
            .get_template("report.html.j2")
            .stream(
                **_values(scores),
                rows=rows,
                pictured=with_crops(pictured, advance),
                listed=listed,
                gallery=_with_pictures(rows, advance),
            )
        )
        page.dump(str(temporary), encoding="utf-8", errors="replace")


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("carcinomap.evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "score": text.score_text,
        "area": text.area_text,
        "distance": text.distance_text,
        "percent": text.percent_text,
        "css": text.css,
        "sort_key": text.sort_key,
    }
    return environment


def _values(scores: Scores) -> dict[str, Any]:
    """Return what the page says of all slides together."""
    colours = class_colours(scores.scheme)
    script = (Path(__file__).parents[1] / "templates" / "parts" / "page.js").read_text("utf-8")
    return {
        "scores": scores,
        "names": scores.scheme.names,
        "total": figures(scores.counts, scores.scheme, scores.settings),
        "second_reader": scores.cases[0].prediction.name != map_name(scores.cases[0].case),
        "has_bach": has_bach_classes(scores.scheme),
        "patients": len({case.case.patient for case in scores.cases}),
        "pixel_mm2": scores.mpp**2 / 1e6,
        "mix_up": _largest_mix_up(scores),
        "colours": colours,
        "shapes": class_shapes(scores.scheme.names),
        "differences": DIFFERENCES,
        "ignored": IGNORED,
        "reliability": reliability_chart(scores.counts.calibration),
        "areas": area_chart(scores, colours),
        "learning": learning_charts(scores.known.curves if scores.known else (), colours),
        "most_pictured": PICTURED_SLIDES,
        "rule": RULE,
        "version": __version__,
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
    }


def _rows(scores: Scores) -> list[Row]:
    """Return all slides, the worst first; those without a score come last."""

    def badness(case: CaseScores) -> tuple[bool, float, str]:
        iou = case.confusion.mean_iou
        return iou is None, iou or 0.0, case.case.name

    return [
        Row(
            number,
            case,
            overall_figures(case.counts, scores.scheme),
            class_figures(case.counts, scores.scheme, scores.settings),
        )
        for number, case in enumerate(sorted(scores.cases, key=badness), 1)
    ]


def _largest_mix_up(scores: Scores) -> tuple[str, str, int] | None:
    """Return the true class of which most is mapped as another, that one, and the pixels."""
    names, wrong = scores.scheme.names, scores.confusion.matrix.copy()
    np.fill_diagonal(wrong, 0)
    truth, mapped = divmod(int(wrong.argmax()), len(names))
    pixels = int(wrong.max())
    return (names[truth], names[mapped], pixels) if pixels else None


def _with_pictures(rows: list[Row], advance: Advance) -> Iterator[tuple[Row, SlidePictures | str]]:
    """Yield the worst slides with their pictures, or with the reason why there are none."""
    side = next((side for most, side in SIDES if len(rows) <= most), SIDES[-1][1])
    for row in islice(rows, PICTURED_SLIDES):
        try:
            yield row, slide_pictures(row.case, side)
        except (CarcinomapError, OSError) as error:
            yield row, str(error)
        advance(1, row.case.case.name)
