"""What a validation counts, patient by patient, and the scores that follow from it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchmetrics import Metric

from carcinomap.annotation import IGNORE, ClassScheme
from carcinomap.cohort import PatchKey
from carcinomap.evaluation import Confusion
from carcinomap.evaluation.counts import Counts
from carcinomap.evaluation.intervals import draw_patients, interval, resampled_figures
from carcinomap.evaluation.settings import EvaluationSettings
from carcinomap.training.dataset import PatchDataset

PatientPatch = tuple[tuple[Tensor, ...], Tensor, int]
"""A ``Patch``, and the number of the patient whom it is of."""


class PatientPatches(Dataset[PatientPatch]):
    """Patches that say whose they are.

    Args:
        patches: Resolves keys.
        patients: Number of the patient by the index of the case.
    """

    def __init__(self, patches: PatchDataset, patients: Mapping[int, int]) -> None:
        self._patches = patches
        self._patients = patients

    def __getitem__(self, key: PatchKey) -> PatientPatch:
        """Return images and labels as ``PatchDataset`` does, and the patient."""
        return (*self._patches[key], self._patients[key.case])


class PatientConfusion(Metric):
    """A confusion matrix for each patient, over all processes.

    Args:
        patients: How many there are.
        classes: How many there are.
    """

    matrices: Tensor

    def __init__(self, patients: int, classes: int) -> None:
        super().__init__()
        empty = torch.zeros(patients, classes, classes, dtype=torch.int64)
        self.add_state("matrices", empty, dist_reduce_fx="sum")

    def update(self, predicted: Tensor, labels: Tensor, patients: Tensor) -> None:
        """Count patches.

        Args:
            predicted: Class indices, int64 (n, h, w).
            labels: The true ones, of the same shape; ``IGNORE`` is not counted.
            patients: Number of each patch's patient, int64 (n,).
        """
        classes = self.matrices.shape[-1]
        counted = labels != IGNORE
        owners = patients.view(-1, 1, 1).expand_as(labels)[counted]
        cells = (owners * classes + labels[counted]) * classes + predicted[counted]
        counts = torch.bincount(cells, minlength=self.matrices.numel())
        self.matrices += counts.view_as(self.matrices)

    def compute(self) -> Tensor:
        """Return the counts, int64 (patients, truth, prediction)."""
        return self.matrices


def pooled_scores(confusions: Sequence[Confusion], scheme: ClassScheme) -> dict[str, Any]:
    """Return ``mean_iou``, and ``iou`` of every class that is there, of all patients together."""
    pooled = sum(confusions, Confusion.empty(len(scheme)))
    of_classes = zip(scheme.names, pooled.iou, pooled.truth_pixels, strict=True)
    iou = {name: value for name, value, pixels in of_classes if pixels}
    return {"mean_iou": pooled.mean_iou or 0.0, "iou": iou}


def score_intervals(
    confusions: Sequence[Confusion], scheme: ClassScheme, seed: int
) -> dict[str, Any]:
    """Return 95 % intervals over patients of what ``pooled_scores`` returns, in the same form.

    Nothing, where there is one patient; see ``patient_intervals``.
    """
    settings = EvaluationSettings()
    nothing = Counts.empty(len(scheme))
    counts = [replace(nothing, confusion=one) for one in confusions]
    times = draw_patients(len(counts), settings.resamples, seed)
    drawn = resampled_figures(counts, times, scheme, settings)
    ends = {key: list(found) for key, one in drawn.items() if (found := interval(one))}
    of_classes = {name: ends.get(f"classes.{name}.iou") for name in scheme.names}
    iou = {name: found for name, found in of_classes.items() if found}
    return {"mean_iou": ends["mean_iou"], "iou": iou} if "mean_iou" in ends else {}
