"""How far a tiled map differs from the map of the same region in one piece.

    python benchmarks/seams.py SLIDE MODEL --at X Y [--at X Y …]

For each tile and overlap the region is as large as three by three such tiles, so that the overlap
is exactly the one named. Work is the pixels computed per pixel mapped, for a large slide.
"""

import argparse

import numpy as np

from carcinomap import load_model, open_slide
from carcinomap.model import open_runtime
from carcinomap.segmentation.mapping.blending import Blender, class_index
from carcinomap.segmentation.mapping.plan import CELL, TilePlan

CURVE = [(512, 128), (512, 256), (768, 128), (768, 256), (1024, 64), (1024, 128), (1024, 192)]
CURVE += [(1024, 256), (1024, 384), (1280, 192)]


def tiled(image, runtime, tile, overlap):
    side = image.shape[0]
    plan = TilePlan.of(side, side, tile, overlap, runtime.stride, lambda *box: True)
    blender = Blender(plan, len(runtime.classes))
    batches = ((image[None, t.y : t.y + tile, t.x : t.x + tile],) for t in plan.tiles)
    cells = -(-side // CELL)
    result = np.empty((cells * CELL, cells * CELL), np.uint8)
    for t, probabilities in zip(plan.tiles, runtime.run(batches), strict=True):
        for cell in blender.add(t, probabilities[0]):
            row, column = (CELL * number for number in cell.cell)
            result[row : row + CELL, column : column + CELL] = class_index(cell.probabilities)
    return result[:side, :side]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slide")
    parser.add_argument("model")
    parser.add_argument("--at", nargs=2, type=float, action="append", required=True)
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    runtime = open_runtime(model, "cpu")
    mpp = model.spec.views[0].mpp
    print(f"{'tile':>5} {'overlap':>7} {'work':>5}  pixels of another class, a region each")
    with open_slide(arguments.slide) as slide:
        for tile, overlap in CURVE:
            side = 3 * tile - 2 * overlap
            found = []
            for x, y in arguments.at:
                image = slide.read(x, y, side, side, mpp)
                (whole,) = runtime.run([(image[None],)])
                found.append(np.mean(class_index(whole[0]) != tiled(image, runtime, tile, overlap)))
            work = (tile / (tile - overlap)) ** 2
            shares = "  ".join(f"{share:7.3%}" for share in found)
            print(f"{tile:5} {overlap:7} {work:5.2f}  {shares}", flush=True)


if __name__ == "__main__":
    main()
