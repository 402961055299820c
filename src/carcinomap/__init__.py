"""carcinomap maps cancer in histopathology whole-slide images.

From outlined slides to a model, from a model to maps that a pathologist can open:

    import carcinomap

    cohort = carcinomap.read_cohort("SLIDES/")
    result = carcinomap.train(cohort, "runs/first")
    carcinomap.segment("new.svs", result.model, "maps/")
    scores = carcinomap.evaluate_cohort(cohort, "maps/", "scores/")

Each room of the package has a docstring that says why it is there.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from carcinomap.version import __version__

if TYPE_CHECKING:
    from carcinomap.annotation import ClassScheme, read_annotations
    from carcinomap.cohort import read_cohort
    from carcinomap.demo import generate_slide
    from carcinomap.errors import CarcinomapError, InputError
    from carcinomap.evaluation import EvaluationSettings, evaluate_cohort
    from carcinomap.model import load_model
    from carcinomap.segmentation import ClassMap, SegmentationSettings, segment
    from carcinomap.slide import find_tissue, open_slide
    from carcinomap.training import TrainingSettings, train

_HOMES = {
    "CarcinomapError": "errors",
    "ClassMap": "segmentation",
    "ClassScheme": "annotation",
    "EvaluationSettings": "evaluation",
    "InputError": "errors",
    "SegmentationSettings": "segmentation",
    "TrainingSettings": "training",
    "evaluate_cohort": "evaluation",
    "find_tissue": "slide",
    "generate_slide": "demo",
    "load_model": "model",
    "open_slide": "slide",
    "read_annotations": "annotation",
    "read_cohort": "cohort",
    "segment": "segmentation",
    "train": "training",
}

__all__ = [
    "CarcinomapError",
    "ClassMap",
    "ClassScheme",
    "EvaluationSettings",
    "InputError",
    "SegmentationSettings",
    "TrainingSettings",
    "__version__",
    "evaluate_cohort",
    "find_tissue",
    "generate_slide",
    "load_model",
    "open_slide",
    "read_annotations",
    "read_cohort",
    "segment",
    "train",
]


def __getattr__(name: str) -> Any:
    # Imported when first used: PyTorch alone takes seconds, and reading a slide needs none of it.
    if name in _HOMES:
        return getattr(import_module(f"carcinomap.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'carcinomap' has no attribute {name!r}")
