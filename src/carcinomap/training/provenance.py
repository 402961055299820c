"""What a model file says of its training, and a run's folder of how it went."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import lightning
import torch

from carcinomap.slide import Slide
from carcinomap.slide.stain import typical_stain
from carcinomap.training.data import TrainingData
from carcinomap.training.plan import Plan
from carcinomap.version import __version__

STAINED = 16  # slides whose colours are measured, spread over those that teach


def provenance(data: TrainingData, plan: Plan, steps: int, notes: Sequence[str]) -> dict[str, Any]:
    """Return what is known of the data and of the way of training, as plain values.

    Nothing in it depends on when or how fast: the same training gives the same bytes.

    Args:
        data: What it learned from.
        plan: How.
        steps: Taken in all.
        notes: What a user should know.
    """
    patients: dict[str, list[str]] = {}
    slides: dict[str, int] = {}
    for case in data.cases:
        slides[case.split] = slides.get(case.split, 0) + 1
        patients.setdefault(case.split, [])
        if case.patient not in patients[case.split]:
            patients[case.split].append(case.patient)
    return {
        "patients": {split: sorted(names) for split, names in sorted(patients.items())},
        "slides": dict(sorted(slides.items())),
        "annotated_mm2": data.annotated_mm2(plan.scheme),
        "tissue_mm2": round(data.tissue_mm2(), 4),
        "stain": _stain(data),
        "notes": list(notes),
        "settings": plan.settings.model_dump(),
        "steps": steps,
        "batch": plan.division.batch,
        "fingerprints": dict(data.fingerprints),
        "libraries": {"torch": torch.__version__, "lightning": lightning.__version__},
    }


def _stain(data: TrainingData) -> dict[str, Any] | None:
    """Return the colours of the slides that taught, to which others can be brought."""
    sources = data.training
    some = [sources[i * len(sources) // STAINED] for i in range(STAINED)]
    cases = dict.fromkeys(source.case for source in some)
    found = typical_stain(_slides(data, cases))
    return None if found is None else found.to_dict()


def _slides(data: TrainingData, cases: Iterable[int]) -> Iterator[Slide]:
    for case in cases:
        with data.cases[case].open_slide() as slide:
            yield slide


def summary(
    scores: Mapping[str, Any], steps: int, seconds: float, notes: Sequence[str]
) -> dict[str, Any]:
    """Return what a run's folder says of how it went."""
    return {
        "carcinomap": __version__,
        "torch": torch.__version__,
        "lightning": lightning.__version__,
        "steps": steps,
        "seconds": round(seconds, 1),
        "cores": os.cpu_count(),
        "scores": dict(scores),
        "notes": list(notes),
    }
