"""What scores are called on the screen, and how slides are listed."""

from collections.abc import Iterable

from carcinomap.model.card import printable

OVERALL = {
    "mean_iou": "mean IoU",
    "mean_dice": "mean Dice",
    "pixel_accuracy": "accuracy",
    "frequency_weighted_iou": "frequency-weighted IoU",
    "kappa": "Cohen's kappa",
    "bach": "BACH score",
    "calibration_error": "calibration error",
}
"""Of all classes together."""

OF_CLASS = {
    "iou": "IoU",
    "dice": "Dice",
    "precision": "precision",
    "recall": "recall",
    "specificity": "specificity",
    "area_ratio": "mapped / true area",
    "surface_dice": "surface Dice",
    "hausdorff_95_um": "Hausdorff 95 %, µm",
    "region_precision": "region precision",
    "region_recall": "region recall",
    "region_f1": "region F1",
}
"""Of each class."""

LESS_IS_BETTER = frozenset({"calibration_error", "hausdorff_95_um"})

MOST_NAMES = 8


def listed(names: Iterable[str]) -> str:
    """Return some of the names, fit for a terminal, and how many more there are."""
    ordered = list(names)
    more = len(ordered) - MOST_NAMES
    return printable(", ".join(ordered[:MOST_NAMES])) + (f" and {more} more" if more > 0 else "")
