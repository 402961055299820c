"""Map a slide with FAST, in FAST's own environment; ``engine.py real`` starts this.

    FASTPYTHON benchmarks/peer_fast.py SLIDE NETWORK.onnx MAGNIFICATION

FAST finds the tissue by colour, cuts it into patches of 512² without overlap, applies the network
to one after the other and stitches their classes together in memory. Nothing is blended, outlined
or written. Prints JSON: patches and seconds, from the opened libraries on.
"""

import json
import os
import sys
import time

import fast

SIDE = 512


def main():
    slide, network, magnification = sys.argv[1:]
    started = time.perf_counter()
    importer = fast.WholeSlideImageImporter.create(slide)
    tissue = fast.TissueSegmentation.create(True).connect(importer)
    patches = fast.PatchGenerator.create(SIDE, SIDE, magnification=float(magnification))
    patches.connect(0, importer).connect(1, tissue)
    segmentation = fast.SegmentationNetwork.create(network, inferenceEngine="OpenVINO")
    segmentation.connect(patches)
    stitcher = fast.PatchStitcher.create().connect(segmentation)
    count = 0
    for _ in fast.DataStream(stitcher):
        count += 1
    seconds = time.perf_counter() - started
    print(json.dumps({"patches": count, "side": SIDE, "seconds": seconds}), flush=True)
    os._exit(0)  # FAST may crash when it is taken down, with all its work done


if __name__ == "__main__":
    main()
