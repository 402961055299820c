"""Do the scores agree with those of others, and what does it take to evaluate a slide?

    python benchmarks/evaluation.py
    python benchmarks/evaluation.py --cases 0 --slide SLIDE --maps MAPS [--model MODEL]

Agreement: images of random classes, alike and unlike, and degenerate ones (a class that is nowhere,
all ignored, one pixel) are scored here and by torchmetrics and, where they are installed,
scikit-learn and MONAI. A score that is 0 / 0 here is undefined, where others say 0, 1 or nothing;
such are counted, not compared. Distances are rounded up to a bin of 1 µm here, and torchmetrics
and MONAI divide in single precision. Regions and the BACH score have no peer.

Cost: `carcinomap evaluate` of one annotated slide as a process of its own.
"""

import argparse
import json
import math
import sys
import tempfile
from collections import defaultdict
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torchmetrics.functional import classification as torchmetrics

from carcinomap.annotation import IGNORE
from carcinomap.evaluation.boundaries import Boundaries
from carcinomap.evaluation.calibration import BINS, Calibration
from carcinomap.evaluation.confusion import Confusion
from carcinomap.evaluation.detail import Detail
from measured import run, table

KINDS = ("noise", "blobs", "one class", "one pixel", "two classes")
SIDES = (1, 2, 7, 40, 64)
TOLERANCES = (0, 1, 3, 10, 50)  # µm
RIM = 4  # pixels of background, since others take the rim of an image for a boundary


class Agreement:
    """The largest difference to each peer, for each score."""

    def __init__(self):
        self._differences = defaultdict(list)
        self._undefined = defaultdict(int)

    def compare(self, score, peer, ours, theirs):
        """Take in values of one score: ours, None where undefined, and a peer's."""
        differences = self._differences[score, peer]
        for one, other in zip(ours, np.ravel(theirs).tolist(), strict=True):
            if one is None:
                self._undefined[score, peer] += 1
            else:  # infinity less infinity is no number
                differences.append(0.0 if one == other else abs(one - other))

    def rows(self):
        """Yield a row for each score and peer; a peer that had no number for one shows as nan."""
        for key, differences in sorted(self._differences.items()):
            largest = f"{np.max(differences, initial=0):.1e}"
            yield *key, len(differences), self._undefined[key], largest


def random_classes(rng, kind, classes, side):
    """Return class indices, uint8 (side, side)."""
    if kind == "noise":
        return rng.integers(0, classes, (side, side), np.uint8)
    if kind == "one class":
        return np.full((side, side), rng.integers(classes), np.uint8)
    if kind == "one pixel":
        image = np.zeros((side, side), np.uint8)
        image[tuple(rng.integers(0, side, 2))] = rng.integers(classes)
        return image
    planes = gaussian_filter(rng.normal(size=(classes, side, side)), (0, 3, 3))
    return planes[: 2 if kind == "two classes" else classes].argmax(axis=0).astype(np.uint8)


def random_pair(rng, classes):
    """Return truth, with pixels to ignore in it, and map."""
    side = rng.choice(SIDES)
    truth = random_classes(rng, rng.choice(KINDS), classes, side)
    mapped = random_classes(rng, rng.choice(KINDS), classes, side)
    likeness = rng.choice([0, 0.5, 0.95, 1])
    mapped = np.where(rng.random(truth.shape) < likeness, truth, mapped)
    truth[rng.random(truth.shape) < rng.choice([0, 0, 0.3, 1], p=[0.4, 0.3, 0.25, 0.05])] = IGNORE
    return truth, mapped


def compare_pixels(agreement, truth, mapped, classes):
    """Compare the scores that follow from the confusion matrix."""
    ours = Confusion.of(truth, mapped, classes)
    of_classes = {
        "IoU": (ours.iou, torchmetrics.multiclass_jaccard_index),
        "Dice": (ours.dice, torchmetrics.multiclass_f1_score),
        "precision": (ours.precision, torchmetrics.multiclass_precision),
        "recall": (ours.recall, torchmetrics.multiclass_recall),
        "specificity": (ours.specificity, torchmetrics.multiclass_specificity),
    }
    overall = {
        "accuracy": (ours.pixel_accuracy, torchmetrics.multiclass_accuracy, {"average": "micro"}),
        "frequency-weighted IoU": (
            ours.frequency_weighted_iou,
            torchmetrics.multiclass_jaccard_index,
            {"average": "weighted"},
        ),
        "kappa": (ours.kappa, torchmetrics.multiclass_cohen_kappa, {}),
    }
    given = (torch.from_numpy(mapped).long().ravel(), torch.from_numpy(truth).long().ravel())
    common = {"num_classes": classes, "ignore_index": IGNORE}
    for score, (values, peer) in of_classes.items():
        theirs = peer(*given, **common, average="none")
        agreement.compare(score, "torchmetrics", values, theirs.numpy())
    for score, (value, peer, how) in overall.items():
        agreement.compare(score, "torchmetrics", [value], peer(*given, **common, **how).numpy())
    if find_spec("sklearn"):
        compare_scikit_learn(agreement, ours, truth, mapped, classes)


def compare_scikit_learn(agreement, ours, truth, mapped, classes):
    peer = import_module("sklearn.metrics")
    counted = truth != IGNORE
    given = (truth[counted], mapped[counted])
    if not counted.any():  # it refuses to score nothing
        return
    labels = list(range(classes))
    common = {"labels": labels, "zero_division": 0}
    precision, recall, dice, _ = peer.precision_recall_fscore_support(*given, **common)
    present = [index for index in labels if ours.truth_pixels[index]]
    values = {
        "IoU": (ours.iou, peer.jaccard_score(*given, average=None, **common)),
        "Dice": (ours.dice, dice),
        "precision": (ours.precision, precision),
        "recall": (ours.recall, recall),
        "accuracy": ([ours.pixel_accuracy], peer.accuracy_score(*given)),
        "mean IoU": (
            [ours.mean_iou],
            peer.jaccard_score(*given, labels=present, average="macro", zero_division=0),
        ),
        "mean Dice": (
            [ours.mean_dice],
            peer.f1_score(*given, labels=present, average="macro", zero_division=0),
        ),
        "frequency-weighted IoU": (
            [ours.frequency_weighted_iou],
            peer.jaccard_score(*given, average="weighted", **common),
        ),
    }
    if ours.kappa is not None:
        values["kappa"] = ([ours.kappa], peer.cohen_kappa_score(*given, labels=labels))
    for score, (own, theirs) in values.items():
        agreement.compare(score, "scikit-learn", own, theirs)


def compare_boundaries(agreement, truth, mapped, classes, mpp):
    """Compare surface Dice and Hausdorff distances with MONAI's, in an image without a rim."""
    peer, edges = import_module("monai.metrics"), import_module("monai.metrics.utils")
    truth, mapped = (np.pad(np.where(one == IGNORE, 0, one), RIM) for one in (truth, mapped))
    detail = Detail(truth, mapped, np.ones(truth.shape, np.bool_), mpp, 1.0)
    ours = Boundaries.of(detail, classes)
    planes = [
        torch.from_numpy(np.stack([one == index for index in range(classes)])[None]).float()
        for one in (mapped, truth)
    ]
    for tolerance in TOLERANCES:
        theirs = peer.compute_surface_dice(*planes, [tolerance] * (classes - 1), spacing=mpp)
        values = ours.surface_dice(tolerance)[1:]
        agreement.compare("surface Dice", "MONAI", values, theirs.numpy())
    for index in range(1, classes):
        _, distances, _ = edges.get_edge_surface_distance(
            *(one[0, index] for one in planes), spacing=(mpp, mpp), symmetric=True
        )
        ranked = [
            np.percentile(one.numpy(), 95, method="inverted_cdf") for one in distances if len(one)
        ]
        value = ours.hausdorff_95[index]
        agreement.compare("95 % Hausdorff, µm", "MONAI", [value], [max(ranked, default=math.nan)])


def compare_calibration(agreement, rng, classes):
    """Compare the calibration error of random probabilities, as planes keep them."""
    side = rng.choice(SIDES)
    sharpness = rng.choice([0.05, 0.3, 1, 10])
    kept = rng.dirichlet([sharpness] * classes, (side, side)).transpose(2, 0, 1)
    kept = np.rint(255 * kept).astype(np.uint8)
    truth = rng.integers(0, classes, (side, side), np.uint8)
    counted = rng.random(truth.shape) < rng.choice([0, 0.7, 1], p=[0.1, 0.4, 0.5])
    seen = counted & kept.any(axis=0)
    error = Calibration.of(truth, kept, counted).error
    probabilities = (kept / kept.sum(axis=0).clip(1))[:, seen].T
    theirs = math.nan
    if seen.any():
        # A hair less: what is on the edge of two bins would be in the other one there.
        given = torch.from_numpy(probabilities * (1 - 1e-6)), torch.from_numpy(truth[seen]).long()
        theirs = torchmetrics.multiclass_calibration_error(*given, classes, n_bins=BINS).item()
    agreement.compare("calibration error", "torchmetrics", [error], [theirs])


def show_agreement(cases, seed):
    """Print how far the scores of random images are from those of others."""
    rng = np.random.default_rng(seed)
    agreement = Agreement()
    for _ in range(cases):
        classes = int(rng.integers(2, 7))
        truth, mapped = random_pair(rng, classes)
        compare_pixels(agreement, truth, mapped, classes)
        compare_calibration(agreement, rng, classes)
        if find_spec("monai"):
            compare_boundaries(agreement, truth, mapped, classes, float(rng.choice([0.5, 1, 4])))
    print(f"{cases} pairs of images, seed {seed}\n")
    table(["score", "peer", "compared", "undefined here", "largest difference"], agreement.rows())
    for name in ("sklearn", "monai"):
        if not find_spec(name):
            print(f"{name} is not installed, and was not compared")


def show_cost(slide, maps, model):
    """Print what it takes to evaluate a slide, and how it scores."""
    command = [sys.executable, "-m", "carcinomap", "evaluate", slide, "--predictions", maps]
    command += [] if model is None else ["--model", model]
    with tempfile.TemporaryDirectory() as folder:
        done = run([*command, "--output", folder, "--quiet"])
        scores = json.loads(Path(folder, "scores.json").read_text(encoding="utf-8"))
        page = Path(folder, "report.html").stat().st_size
    table(
        ["slide", "µm a pixel", "seconds", "CPU seconds", "peak MB", "report MB", "mean IoU"],
        [
            (
                slide.stem,
                scores["mpp"],
                f"{done.seconds:.1f}",
                f"{done.cpu:.1f}",
                f"{done.peak:.0f}",
                f"{page / 1e6:.2f}",
                f"{scores['mean_iou']:.3f}",
            )
        ],
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=300, help="pairs of images")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--slide", type=Path, help="an annotated slide")
    parser.add_argument("--maps", type=Path, help="folder with its map")
    parser.add_argument("--model", type=Path, help="what made the map")
    asked = parser.parse_args()
    if (asked.slide is None) != (asked.maps is None):
        parser.error("--slide and --maps go together")
    if asked.cases:
        show_agreement(asked.cases, asked.seed)
    if asked.slide is not None:
        show_cost(asked.slide, asked.maps, asked.model)


if __name__ == "__main__":
    main()
