"""What models are worth on patients whom they have never seen."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Case
from carcinomap.errors import CarcinomapError
from carcinomap.evaluation import CaseScores, Confusion, evaluate_case
from carcinomap.segmentation import ClassMap, segment_slide
from carcinomap.segmentation.many_slides import open_models

RESAMPLES = 2000
CONFIDENCE = 0.95

Intervals = dict[str, tuple[float, float]]


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
            with ClassMap.open(mapped.class_map) as class_map:
                scores.append(evaluate_case(case, class_map, scheme))
        except (CarcinomapError, OSError) as error:
            failures[case.name] = str(error)
    return tuple(scores), failures


def patient_intervals(scores: Iterable[CaseScores], scheme: ClassScheme, seed: int) -> Intervals:
    """Return 95 % intervals of the pooled IoU: how much it depends on who was in the cohort.

    Percentile bootstrap over patients (Efron and Tibshirani, An Introduction to the Bootstrap,
    1993, chapter 13): pixels and slides of one patient are not independent of one another.

    Args:
        scores: The counts of slides, at least one.
        scheme: The classes.
        seed: Seed of the resampling.

    Returns:
        Low and high end of ``mean_iou`` and, for every class that has an IoU, of
        ``classes.NAME.iou``.
    """
    of_patient: dict[str, Confusion] = {}
    for one in scores:
        before = of_patient.get(one.case.patient, Confusion.empty(len(scheme)))
        of_patient[one.case.patient] = before + one.confusion
    matrices = np.stack([of_patient[patient].matrix for patient in sorted(of_patient)])
    count = len(matrices)
    times = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    found: dict[str, list[float | None]] = {}
    for drawn in times:
        resampled = Confusion(np.tensordot(drawn, matrices, axes=1))
        found.setdefault("mean_iou", []).append(resampled.mean_iou)
        for name, iou in zip(scheme.names, resampled.iou, strict=True):
            found.setdefault(f"classes.{name}.iou", []).append(iou)
    intervals: Intervals = {}
    for key, values in found.items():
        # A resample may lack a class altogether.
        defined = [value for value in values if value is not None]
        if defined:
            tail = 50 * (1 - CONFIDENCE)
            low, high = np.percentile(defined, [tail, 100 - tail])
            intervals[key] = (float(low), float(high))
    return intervals
