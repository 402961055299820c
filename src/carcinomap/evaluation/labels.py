"""What the scores are called on the screen."""

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
    "surface_dice": "surface Dice",
    "hausdorff_95_um": "Hausdorff 95 %, µm",
    "region_precision": "region precision",
    "region_recall": "region recall",
    "region_f1": "region F1",
}
"""Of each class."""

LESS_IS_BETTER = frozenset({"calibration_error", "hausdorff_95_um"})
