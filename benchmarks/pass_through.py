"""``carcinomap segment`` with a network that costs nothing, for ``engine.py``.

    python benchmarks/pass_through.py SLIDE --output FOLDER [--mpp 0.5] [--tile 512] [--overlap 128]
                                      [--no-outlines] [--probabilities] [--uncertainty]
                                      [--smooth 65] [--lesions] [--stages]

The map's classes follow from each pixel's grey level, by a table; smoothed, they lie in patches as
a network's do. With --lesions, most of the tissue is of class 0, and the patches of the others lie
in it one by one, as lesions do in normal tissue. Prints JSON: slide's and map's pixels, tissue,
regions, seconds without start and libraries, processor time of the whole process and, with
--stages, that of each stage.
"""

import argparse
import json
import time
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np

from carcinomap.annotation import ClassScheme
from carcinomap.model.spec import ModelSpec, Preprocessing
from carcinomap.segmentation import SegmentationSettings, segment_slide
from carcinomap.slide import View, open_slide
from stage_clock import StageClock

CLASSES = ClassScheme.default()
STRIDE = 32
CENTRES = np.array([[210], [170], [130], [90]])  # grey level at which a class is most probable
LESIONS = np.array([[120], [100], [92], [84]])  # likewise; of smoothed tissue, 116 is the median
WIDTH = 20


class PassThrough:
    """A ``Runtime``: every pixel's probabilities are its grey level's in a table.

    Args:
        mpp: Of the map.
        smooth: Side of the square over which grey levels are averaged, in pixels of the map.
        lesions: The classes other than 0 lie one by one in class 0, in smoothed tissue.
    """

    classes = CLASSES
    stride = STRIDE
    batch_pixels = 0
    at_once = 1
    side = None
    any_size = True

    def __init__(self, mpp, smooth=1, lesions=False):
        self.views = (View(mpp, 256),)
        self._smooth, self._lesions = smooth, lesions
        centres = LESIONS if lesions else CENTRES
        table = np.exp(-0.5 * ((np.arange(256) - centres) / WIDTH) ** 2) + 1e-6
        self._table = (table / table.sum(axis=0)).astype(np.float32)

    def run(self, batches):
        """See ``carcinomap.model.Runtime.run``."""
        for (images,) in batches:
            yield self.probabilities(images)

    def probabilities(self, images):
        """Return float32 (n, classes, h, w) for uint8 (n, h, w, 3)."""
        result = np.empty((len(images), len(self._table), *images.shape[1:3]), np.float32)
        for image, planes in zip(images, result, strict=True):
            grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
            if self._smooth > 1:
                grey = cv2.blur(grey, (self._smooth, self._smooth))
            for of_class, plane in zip(self._table, planes, strict=True):
                cv2.LUT(grey, of_class, dst=plane)
        return result

    def model(self):
        """Return what is recorded in place of a model."""
        spec = ModelSpec(
            "pass-through",
            {"smooth": self._smooth, "lesions": self._lesions},
            CLASSES,
            self.views,
            STRIDE,
            Preprocessing((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        )
        return SimpleNamespace(spec=spec, fingerprint=f"pass-through {spec.kwargs}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slide", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--mpp", type=float, default=0.5, help="of the map")
    parser.add_argument("--tile", type=int)
    parser.add_argument("--overlap", type=int)
    parser.add_argument("--no-outlines", action="store_true")
    parser.add_argument("--probabilities", action="store_true")
    parser.add_argument("--uncertainty", action="store_true")
    parser.add_argument("--smooth", type=int, default=1)
    parser.add_argument("--lesions", action="store_true")
    parser.add_argument("--stages", action="store_true")
    options = parser.parse_args()
    runtime = PassThrough(options.mpp, options.smooth, options.lesions)
    wanted = {"tile": options.tile, "overlap": options.overlap}
    settings = SegmentationSettings(
        **{name: value for name, value in wanted.items() if value is not None},
        outlines=not options.no_outlines,
        probabilities=options.probabilities,
        uncertainty=options.uncertainty,
    )
    clock = StageClock() if options.stages else None
    started, cpu = time.perf_counter(), time.process_time()
    with open_slide(options.slide) as slide:
        done = segment_slide(slide, runtime, runtime.model(), options.output, settings)
        megapixels = slide.width * slide.height / 1e6
    found = {
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - cpu,
        "slide_mpx": megapixels,
        "map_mpx": np.prod(done.record["size"]) / 1e6,
        "tissue_mpx": done.record["tissue_mm2"] * 1e6 / options.mpp**2 / 1e6,
        "regions": sum(one["regions"] or 0 for one in done.record["classes"].values()),
        "settings": dict(done.record["settings"]),
    }
    print(json.dumps(found | ({"stages": clock.report()} if clock else {})))


if __name__ == "__main__":
    main()
