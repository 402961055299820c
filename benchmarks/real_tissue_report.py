"""The tables of ``real_tissue.py``, from what its runs have kept."""

import json
from collections import defaultdict

import numpy as np

from measured import table

RESAMPLES = 10_000
FOLDS = 3


def report(output):
    """Print what all kept results of a folder say."""
    print()
    kept = [json.loads(path.read_text()) for path in sorted(output.glob("*/*/*/result.json"))]
    alike = defaultdict(list)
    for one in kept:
        alike[one["part"], one["length"]].append(one)
    for (part, length), results in sorted(alike.items()):
        recipes = _by_recipe(results)
        if part == "a03":
            _show(f"A03, {length}", recipes, "plain")
            continue
        # Ablations ran on one fold, and stand in a table of that fold.
        whole = {
            name: runs for name, runs in recipes.items() if len(runs) == FOLDS or "," not in name
        }
        _show(f"GlaS, {length}", whole, "plain")
        for fold in sorted({one["fold"] for one in results if one["changes"]}):
            there = [one for one in results if one["fold"] == fold]
            _show(f"GlaS, {fold}, {length}", _by_recipe(there), "ours")


def _by_recipe(results):
    """Return results by the recipe's name, which has its changes behind commas."""
    recipes = defaultdict(list)
    for one in sorted(results, key=lambda one: (one["recipe"] != "plain", one["changes"])):
        recipes[", ".join([one["recipe"], *one["changes"]])].append(one)
    return recipes


def _show(heading, recipes, reference):
    """Print a table with a line for each recipe."""
    if not recipes:
        return
    classes = next(iter(recipes.values()))[0]["classes"]
    counts = {name: _by_patient(runs) for name, runs in recipes.items()}
    print(f"**{heading}**\n")
    head = ["recipe", "held out", "mean IoU", "95 %", *classes, f"against {reference}, 95 %"]
    rows = []
    for name, runs in recipes.items():
        pooled = sum(counts[name].values())
        other = _compared(runs, recipes, reference)
        against = _difference(counts[name], counts[other]) if other else ""
        rows.append(
            [
                name,
                ", ".join(sorted(one["fold"] for one in runs)),
                f"{_mean_iou(pooled):.3f}",
                _interval(_resampled(counts[name])),
                *("–" if np.isnan(share) else f"{share:.3f}" for share in _iou(pooled)),
                against,
                ", ".join(str(one["steps"]) for one in runs),
                f"{sum(one['seconds'] for one in runs) / sum(one['steps'] for one in runs):.2f}",
                ", ".join(sorted({f"{one['carcinomap']} ({one['code']})" for one in runs})),
            ]
        )
    table([*head, "steps", "s a step", "version (code)"], rows)


def _compared(runs, recipes, reference):
    """Return the name of what a recipe is held against: with as many of its changes as there is."""
    changes = set(runs[0]["changes"])
    fitting = {
        name: len(theirs[0]["changes"])
        for name, theirs in recipes.items()
        if theirs is not runs
        and theirs[0]["recipe"] == reference
        and changes.issuperset(theirs[0]["changes"])
    }
    return max(fitting, key=fitting.get, default=None)


def _by_patient(runs):
    """Return the confusion matrix of each patient, (classes, classes); rows are the truth."""
    patients = defaultdict(int)
    for one in runs:
        for field in one["fields"]:
            patients[field["patient"]] += np.array(field["confusion"])
    return patients


def _difference(ours, theirs):
    """Say by how much one recipe is better on the patients that both were scored on."""
    both = sorted(ours.keys() & theirs.keys())
    if not both:
        return ""
    ours, theirs = ({patient: side[patient] for patient in both} for side in (ours, theirs))
    mean = _mean_iou(sum(ours.values())) - _mean_iou(sum(theirs.values()))
    # The same patients are drawn for both, since the seed and their order are the same.
    return f"{mean:+.3f} ({_interval(_resampled(ours) - _resampled(theirs), '+.3f')})"


def _resampled(patients):
    """Return the mean IoU of many cohorts, patients drawn with replacement; one alone: none."""
    matrices = np.stack([patients[name] for name in sorted(patients)]).astype(float)
    count = len(matrices)
    if count == 1:
        return np.empty(0)
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    return _mean_iou(np.einsum("rp,pij->rij", drawn, matrices))


def _interval(values, form=".3f"):
    if not len(values):
        return "–"
    low, high = np.percentile(values, [2.5, 97.5])
    return f"{low:{form}} to {high:{form}}"


def _iou(matrices):
    """Return the IoU of each class, NaN where the truth has none of it; (…, classes)."""
    hits = np.diagonal(matrices, axis1=-2, axis2=-1).astype(float)
    truth = matrices.sum(axis=-1)
    union = truth + matrices.sum(axis=-2) - hits
    return np.where(truth > 0, hits / np.maximum(union, 1), np.nan)


def _mean_iou(matrices):
    return np.nanmean(_iou(matrices), axis=-1)
