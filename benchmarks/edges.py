"""What a network sees beyond the edge of a field: white, or the mirror image of the field.

    python benchmarks/edges.py GLAS MODEL --patient 3 10

Maps every third field of some patients of GlaS, whom the model has not seen, with two strides of
surroundings on all sides, and prints the mean IoU of each patient. A row has what carcinomap does
(the mirror image), the other one what it did before.
"""

import argparse
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np

from carcinomap import load_model, read_cohort
from carcinomap.evaluation import Confusion
from carcinomap.slide import Slide, read_mirrored
from measured import table
from real_tissue_glas import score

EVERY = 3
BEYOND = 2  # strides


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="GlaS's slides, annotations and patients.csv")
    parser.add_argument("model", type=Path)
    parser.add_argument("--patient", nargs="+", default=["3", "10"])
    options = parser.parse_args()
    scheme = load_model(options.model).spec.classes
    cases = read_cohort(options.folder).cases
    rows = []
    for patient in options.patient:
        fields = [case for case in cases if case.patient == patient][::EVERY]
        for name, read in (("white", Slide.read), ("mirror image", read_mirrored)):
            scored = score(options.model, fields, scheme, read, BEYOND)
            whole = reduce(add, (Confusion(np.array(one["confusion"])) for one in scored))
            iou = ("–" if value is None else f"{value:.3f}" for value in whole.iou)
            rows.append([patient, len(fields), name, f"{whole.mean_iou:.3f}", *iou])
    table(["patient", "fields", "beyond the edge", "mean IoU", *scheme.names], rows)


if __name__ == "__main__":
    main()
