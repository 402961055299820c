"""GlaS in ``real_tissue.py``: folds by patient, and scores of whole held-out fields."""

import math
from collections import defaultdict
from dataclasses import replace

import numpy as np
import torch

from carcinomap import ClassScheme, load_model, read_cohort
from carcinomap.evaluation import Confusion
from carcinomap.files import write_text
from carcinomap.model.torch_runtime import TorchRuntime
from carcinomap.slide import read_mirrored
from measured import table
from real_tissue_runs import Task, measure

CLASSES = """\
classes:
  - {name: background, color: "#b3b3b3"}
  - {name: benign gland, color: "#e69f00"}
  - {name: malignant gland, color: "#d55e00"}
"""

# Chosen by hand: as nearly as eleven patients allow, each fold has a third of the fields and of
# the area of either kind of gland.
FOLDS = (("3", "8", "10", "16"), ("4", "7", "12"), ("2", "5", "14", "15"))


def show(options, recipes, folds, deadline):
    """Measure recipes on folds."""
    options.output.mkdir(parents=True, exist_ok=True)
    classes = options.output / "glas-classes.yaml"
    write_text(classes, CLASSES)
    scheme = ClassScheme.from_yaml(classes)
    cohort = read_cohort(options.folder)
    _check(cohort)
    _print_folds(cohort, scheme)
    cases = _few(cohort.cases, options.few)
    for fold in folds:
        held_out = [case for case in cases if case.patient in FOLDS[fold]]
        taught = [case for case in cases if case.patient not in FOLDS[fold]]
        task = Task(
            part="glas",
            fold=f"fold-{fold}",
            cohort=replace(cohort, cases=tuple(taught)),
            pieces=[_whole(case) for case in taught],
            scheme=scheme,
            score=lambda model, _, cases=held_out: score(model, cases, scheme),
        )
        for recipe in recipes:
            measure(task, recipe, options, deadline)


def score(model, cases, scheme, read=read_mirrored, beyond=0):
    """Map every field in one piece, with ``beyond`` strides around it, and count all its pixels."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    runtime = TorchRuntime(load_model(model), device)
    fields = []
    for case in cases:
        with case.open_slide() as slide:
            mpp = runtime.views[0].mpp
            predicted = _map(slide, runtime, read, beyond)
            height, width = predicted.shape
            truth = case.read_annotations(slide).label_image(
                0, 0, width, height, mpp / slide.mpp, scheme
            )
        counted = Confusion.of(truth, predicted, len(scheme))
        fields.append(
            {"name": case.name, "patient": case.patient, "confusion": counted.matrix.tolist()}
        )
    return fields


def _map(slide, runtime, read, beyond):
    """Return the class of every pixel of a field, uint8 (height, width)."""
    first = runtime.views[0]
    width, height = slide.size_at(first.mpp)
    strides = (math.ceil(n / runtime.stride) + 2 * beyond for n in (width, height))
    columns, rows = (count * runtime.stride for count in strides)
    left, top = (columns - width) // 2, (rows - height) // 2
    to_slide = first.mpp / slide.mpp
    centre = ((columns / 2 - left) * to_slide, (rows / 2 - top) * to_slide)
    views = []
    for view in runtime.views:
        x, y = (
            at - n / 2 * view.mpp / slide.mpp for at, n in zip(centre, (columns, rows), strict=True)
        )
        views.append(read(slide, x, y, columns, rows, view.mpp))
    (probabilities,) = runtime.run([tuple(view[None] for view in views)])
    classes = probabilities[0].argmax(axis=0).astype(np.uint8)
    return classes[top : top + height, left : left + width]


def _whole(case):
    with case.open_slide() as slide:
        return case, 0, 0, slide.width, slide.height


def _few(cases, count):
    """Return at most so many cases of each patient; all where None."""
    taken = defaultdict(int)
    chosen = []
    for case in cases:
        taken[case.patient] += 1
        if count is None or taken[case.patient] <= count:
            chosen.append(case)
    return chosen


def _check(cohort):
    unknown = set(cohort.patients()) ^ {patient for fold in FOLDS for patient in fold}
    if unknown:
        raise SystemExit(
            f"{cohort.source}: patients that the folds do not expect, or lack: {unknown}"
        )


def _print_folds(cohort, scheme):
    rows = []
    for number, patients in enumerate(FOLDS):
        areas = defaultdict(float)
        cases = [case for case in cohort.cases if case.patient in patients]
        for case in cases:
            with case.open_slide() as slide:
                for name, area in case.read_annotations(slide).areas(scheme).items():
                    areas[name] += area * slide.mpp**2 / 1e6
        glands = [f"{areas[name]:.2f}" for name in scheme.names[1:]]
        rows.append([number, ", ".join(patients), len(cases), *glands])
    table(["fold", "patients", "fields", *(f"{name}, mm²" for name in scheme.names[1:])], rows)
