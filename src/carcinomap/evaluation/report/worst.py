"""The regions where maps are most wrong, over all slides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from heapq import nlargest

from carcinomap.errors import CarcinomapError
from carcinomap.evaluation.disagreements import Disagreement
from carcinomap.evaluation.prediction import open_prediction
from carcinomap.evaluation.report.crops import Crop, Scene
from carcinomap.evaluation.scores import CaseScores, Scores
from carcinomap.evaluation.truth import Truth
from carcinomap.progress import Advance


@dataclass(frozen=True)
class WorstRegion:
    """A region where the map of a slide is wrong, and its picture or why there is none."""

    case: CaseScores
    region: Disagreement
    crop: Crop | str = ""

    @property
    def centre(self) -> tuple[int, int]:
        """The middle of its bounding box, in level-0 pixels."""
        region = self.region
        return round(region.x + region.width / 2), round(region.y + region.height / 2)


def worst_regions(scores: Scores, most: int) -> list[WorstRegion]:
    """Return the largest regions of all slides where the map is wrong, largest first."""
    every = (WorstRegion(case, region) for case in scores.cases for region in case.worst)
    return nlargest(most, every, key=_area)


def with_crops(regions: Iterable[WorstRegion], advance: Advance) -> list[WorstRegion]:
    """Return the regions with their pictures, largest first; each slide is opened once."""
    by_slide: dict[str, list[WorstRegion]] = {}
    for one in regions:
        by_slide.setdefault(one.case.case.name, []).append(one)
    done: list[WorstRegion] = []
    for name, of_slide in by_slide.items():
        done += _of_slide(of_slide)
        advance(1, name)
    return sorted(done, key=_area, reverse=True)


def _area(one: WorstRegion) -> float:
    return one.region.area_mm2


def _of_slide(regions: Sequence[WorstRegion]) -> list[WorstRegion]:
    """Return the regions of one slide with their pictures."""
    scores = regions[0].case
    case, scheme = scores.case, scores.scheme
    try:
        with (
            case.open_slide() as slide,
            open_prediction(scores.prediction, case, scheme, scores.mpp) as prediction,
        ):
            scene = Scene(slide, Truth.of(case, slide, scheme), prediction)
            return [replace(one, crop=scene.crop(one.region)) for one in regions]
    except (CarcinomapError, OSError) as error:
        return [replace(one, crop=str(error)) for one in regions]
