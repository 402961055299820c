"""How much the stain differs between patients, and how much training varies it.

    python benchmarks/stain_spread.py COHORT [--stain 0.15 0.5]

The mean amounts of haematoxylin, eosin and what is left in each patient's stained pixels at 2 µm,
then their standard deviation over the patients as a share of their mean. Below, that of the factor
that ``train --stain`` draws.
"""

import argparse
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from carcinomap import read_cohort
from carcinomap.training.augmentation.colour import DARKEST, STAINED, STAINS
from measured import table

MPP = 2.0
STRIP = 1024  # rows at a time


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--stain", nargs="+", type=float, default=[0.15, 0.5])
    options = parser.parse_args()
    sums = defaultdict(lambda: np.zeros(4))
    for case in read_cohort(options.cohort).cases:
        with case.open_slide() as slide:
            sums[case.patient] += _amounts(slide)
    patients = {name: total[:3] / total[3] for name, total in sums.items()}
    amounts = np.array(list(patients.values()))
    rows = [[f"patient {name}", *(f"{one:.3f}" for one in row)] for name, row in patients.items()]
    spread = amounts.std(axis=0, ddof=1) / amounts.mean(axis=0)
    rows.append(["deviation / mean", *(f"{one:.0%}" for one in spread)])
    for strength in options.stain:  # of the uniform distribution that the factor is drawn from
        rows.append([f"--stain {strength:g}", *3 * [f"{strength / math.sqrt(3):.0%}"]])
    table(["", "haematoxylin", "eosin", "left"], rows)


def _amounts(slide):
    """Return the sums of the three stains over the stained pixels, and the number of these."""
    to_stain = torch.linalg.inv((STAINS / STAINS.norm(dim=1, keepdim=True)).double()).numpy()
    width, height = slide.size_at(MPP)
    found = np.zeros(4)
    for top in range(0, height, STRIP):
        rows = min(STRIP, height - top)
        image = slide.read(0, top * MPP / slide.mpp, width, rows, MPP).reshape(-1, 3)
        density = -np.log(np.maximum(image / 255, DARKEST))
        stained = density[np.ptp(density, axis=1) > STAINED]
        found += [*(stained @ to_stain).sum(axis=0), len(stained)]
    return found


if __name__ == "__main__":
    main()
