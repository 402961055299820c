"""What models are worth on patients whom they have never seen."""

from collections.abc import Sequence
from pathlib import Path

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Case
from carcinomap.errors import CarcinomapError
from carcinomap.evaluation import CaseScores, evaluate_case
from carcinomap.evaluation.prediction import MappedPrediction
from carcinomap.segmentation import segment_slide
from carcinomap.segmentation.models import open_models


def score_held_out(
    model: Path, cases: Sequence[Case], maps: Path, scheme: ClassScheme, device: str
) -> tuple[tuple[CaseScores, ...], dict[str, str]]:
    """Map slides with the engine's defaults, and compare the maps with the annotations.

    Args:
        model: The model file.
        cases: Annotated cases that it was not trained on.
        maps: Folder of the maps; those that are there already are kept.
        scheme: The classes.
        device: What computes.

    Returns:
        The counts of each slide, and what went wrong with each of the others, by name.
    """
    runtime, models = open_models(model, device, None)
    scores: list[CaseScores] = []
    failures: dict[str, str] = {}
    for case in cases:
        try:
            with case.open_slide() as slide:
                mapped = segment_slide(slide, runtime, models, maps)
            with MappedPrediction.open(mapped.class_map) as class_map:
                scores.append(evaluate_case(case, class_map, scheme))
        except (CarcinomapError, OSError) as error:
            failures[case.name] = str(error)
    return tuple(scores), failures
