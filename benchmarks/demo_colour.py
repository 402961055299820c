"""How far colour alone gets on the demo's slides: nearest neighbours of (averaged) pixel colours.

    python benchmarks/demo_colour.py demo/

Learns from the slides that the demo trained on and is scored on its unseen one, at 1 mpp.
"""

import sys

import cv2
import numpy as np
from scipy.spatial import cKDTree

from carcinomap import ClassScheme, find_tissue, read_cohort
from carcinomap.evaluation import Confusion

SCHEME = ClassScheme.default()
NEIGHBOURS = 15
PER_CLASS = 2000  # training pixels of each class and slide
TESTED = 40_000


def pixels(case, average_um):
    with case.open_slide() as slide:
        width, height = slide.size_at(1.0)
        image = slide.read(0, 0, width, height, 1.0)
        tissue = find_tissue(slide).window(0, 0, width, height, 1.0)
        scale = 1.0 / slide.mpp
    labels = case.read_annotations().label_image(0, 0, width, height, scale, SCHEME)
    colours = cv2.blur(image, (average_um, average_um)).astype(np.float32)
    return colours[tissue], labels[tissue]


def main():
    folder = sys.argv[1]
    random = np.random.default_rng(0)
    for average_um in (1, 17, 65):
        known, classes = [], []
        for case in read_cohort(f"{folder}/slides").cases:
            colours, labels = pixels(case, average_um)
            for index in range(len(SCHEME)):
                drawn = random.choice(np.flatnonzero(labels == index), PER_CLASS)
                known.append(colours[drawn])
                classes.append(labels[drawn])
        tree, classes = cKDTree(np.concatenate(known)), np.concatenate(classes)
        (case,) = read_cohort(f"{folder}/unseen").cases
        colours, labels = pixels(case, average_um)
        tested = random.choice(len(labels), TESTED)
        votes = classes[tree.query(colours[tested], NEIGHBOURS)[1]]
        counts = np.stack([(votes == index).sum(axis=1) for index in range(len(SCHEME))])
        found = counts.argmax(axis=0).astype(np.uint8)
        score = Confusion.of(labels[tested], found, len(SCHEME)).mean_iou
        print(f"colours averaged over {average_um:2} µm: mean IoU {score:.3f}", flush=True)


if __name__ == "__main__":
    main()
