"""How well training does on real labels: tissue of patients, or of windows, that it never saw.

    python benchmarks/real_tissue.py glas GLAS --output RUNS [--steps 800 | --minutes 30]
    python benchmarks/real_tissue.py ablation GLAS --output RUNS [--fold 0] [--only "no Dice"]
    python benchmarks/real_tissue.py a03 A03_dev.svs --output RUNS --minutes 30
    python benchmarks/real_tissue.py report --output RUNS

``glas`` trains each recipe on two thirds of GlaS's patients and scores it on the fields of the
others, three times. ``a03`` trains on four windows of one slide and scores on three others.
``ablation`` leaves out one ingredient at a time, on one fold. Recipes: ``plain`` is a short loop
of this benchmark's own (a U-Net, random crops, flips, cross-entropy, one-cycle), ``ours`` is
``carcinomap.train`` as it comes, ``unet`` the same with that U-Net; ``--set NAME=VALUE`` changes
any setting of the training. What validates, and so chooses the best step, is
part of the training patients or windows, never of what is scored.

Every run has a folder in RUNS with its model and ``result.json``. A run that is there is passed
over, and one that was stopped goes on from its last checkpoint (one that is measured by the clock,
``--minutes``, starts anew). ``--limit`` stops the work after some minutes; the same command goes
on. Tables are printed from all kept results, in Markdown. Some of the results in
``docs/benchmarks.md`` lie beside this script (``report --output benchmarks/results``).
"""

import argparse
from pathlib import Path

import real_tissue_a03 as a03
import real_tissue_glas as glas
from real_tissue_report import report
from real_tissue_runs import RECIPES, Deadline, Recipe, TimeOverError, setting

DEFAULT_STEPS = 800

ABLATIONS = {
    "everything": {},
    "no rotation but quarter turns": {"rotation": 0.0},
    "no magnification": {"scale_jitter": 0.0},
    "no stain variation": {"stain": 0.0},
    "no brightness": {"brightness": 0.0},
    "no blur, no JPEG": {"blur": 0.0, "jpeg": 0.0},
    "no Dice": {"dice": 0.0},
    "no EMA": {"ema": 0.0},
    "no clipping": {"clip": 0.0},
    "no ImageNet weights": {"pretrained": False},
    "no prior": {"prior": "patches"},
    "one view": {"architecture": "unet"},
    # About its share of GlaS's area: patches then are as frequent as their class.
    "classes by area": {"background": 0.5},
}


def main():
    options = _options()
    if options.part != "report":
        deadline = Deadline(options.limit)
        try:
            with deadline.enforced():
                _work(options, deadline)
        except TimeOverError:
            print(f"{options.limit:g} minutes are over; the same command goes on", flush=True)
    report(options.output)


def _work(options, deadline):
    if options.part == "ablation":
        chosen = options.only or list(ABLATIONS)
        recipes = [Recipe.of("ours", dict(options.set) | ABLATIONS[name]) for name in chosen]
        glas.show(options, recipes, [options.fold], deadline)
        return
    recipes = [Recipe.of(name, dict(options.set)) for name in options.recipe]
    if options.part == "glas":
        glas.show(options, recipes, options.fold, deadline)
    else:
        a03.show(options, recipes, deadline)


def _options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = parser.add_subparsers(dest="part", required=True)
    fields = parts.add_parser("glas", help="110 colon fields, three folds by patient")
    fields.add_argument("folder", type=Path, help="GlaS's slides, annotations and patients.csv")
    fields.add_argument("--recipe", nargs="+", choices=RECIPES, default=["plain", "ours"])
    fields.add_argument("--fold", nargs="+", type=int, choices=range(3), default=[0, 1, 2])
    ablation = parts.add_parser("ablation", help="GlaS, one fold, one ingredient less each")
    ablation.add_argument("folder", type=Path, help="as for glas")
    ablation.add_argument("--fold", type=int, choices=range(3), default=0)
    ablation.add_argument("--only", nargs="+", choices=ABLATIONS, help="instead of all")
    windows = parts.add_parser("a03", help="BACH A03: four windows train, three are scored")
    windows.add_argument("slide", type=Path, help="annotation and _windows.json lie beside it")
    windows.add_argument("--recipe", nargs="+", choices=RECIPES, default=["plain", "ours"])
    for part in (fields, ablation):
        part.add_argument("--few", type=int, help="fields of each patient, to try this script")
    for part in (fields, ablation, windows):
        length = part.add_mutually_exclusive_group()
        length.add_argument("--steps", type=int, help=f"of each training ({DEFAULT_STEPS})")
        length.add_argument("--minutes", type=float, help="of each training, instead of steps")
        part.add_argument("--limit", type=float, help="minutes after which all work stops")
        part.add_argument("--set", action="append", type=setting, default=[], metavar="NAME=VALUE")
    for part in (fields, ablation, windows, parts.add_parser("report", help="only the tables")):
        part.add_argument("--output", type=Path, required=True, help="folder of the runs")
    options = parser.parse_args()
    if options.part != "report" and options.minutes is None:
        options.steps = options.steps or DEFAULT_STEPS
    return options


if __name__ == "__main__":
    main()
