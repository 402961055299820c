"""How far a tiled map differs from the map of the same region in one piece.

    python benchmarks/seams.py SLIDE MODEL --at X Y [--at X Y …] [--plot FILE]

X and Y are the corner, at level 0, of a region of 2,880² map pixels; mapping it in one piece takes
4 GB. For each tile and overlap four tiles meet in its middle. The square between their middles is
compared: it is what a large slide repeats, and far from the region's border. Work is the pixels
computed per pixel mapped, on a large slide full of tissue.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from carcinomap import load_model, open_slide
from carcinomap.model import open_runtime
from carcinomap.segmentation.mapping.blending import Blender, class_index
from carcinomap.segmentation.mapping.plan import CELL, TilePlan
from carcinomap.segmentation.settings import SegmentationSettings

REGION = 2880
CURVE = [(512, 128), (512, 256), (768, 128), (768, 256), (1024, 128), (1024, 192), (1024, 256)]
CURVE += [(1280, 160), (1280, 256), (1408, 192), (1408, 256), (1536, 192), (1536, 256)]
MOST_WORK, MOST_DIFFERENT = 1.35, 0.3  # the goal


def tiled(image, runtime, tile, overlap):
    """Return the classes of an image that four tiles make up."""
    side = 2 * tile - overlap
    plan = TilePlan.of(side, side, tile, overlap, runtime.stride, lambda *_: True)
    batches = ((image[None, t.y : t.y + tile, t.x : t.x + tile],) for t in plan.tiles)
    cells = -(-side // CELL)
    result = np.empty((cells * CELL, cells * CELL), np.uint8)
    with (
        tempfile.TemporaryDirectory() as folder,
        Blender(plan, len(runtime.classes), Path(folder, "sums")) as blender,
    ):
        for t, probabilities in zip(plan.tiles, runtime.run(batches), strict=True):
            for cell in blender.add(t, probabilities[0]):
                row, column = (CELL * number for number in cell.cell)
                result[row : row + CELL, column : column + CELL] = class_index(cell.values)
    return result[:side, :side]


def compared(slide, corner, whole, runtime, tile, overlap):
    """Return the share of pixels, between the middles of four tiles, that have another class."""
    side, period = 2 * tile - overlap, tile - overlap
    # Both begin on one grid of strides, as all tiles of a slide do.
    offset = (REGION - side) // 2 // runtime.stride * runtime.stride
    mpp = runtime.views[0].mpp
    x, y = (at + offset * mpp / slide.mpp for at in corner)
    found = tiled(slide.read(x, y, side, side, mpp), runtime, tile, overlap)
    inner = slice(tile // 2, tile // 2 + period)
    outer = slice(offset + inner.start, offset + inner.stop)
    return 100 * np.mean(found[inner, inner] != whole[outer, outer])


def draw(path, found):
    """Plot a line for each size of tiles."""
    axes = (figure := Figure(figsize=(5, 3.4), layout="constrained")).subplots()
    for size in sorted({tile for tile, _ in found}):
        points = sorted((work(*at), share) for at, share in found.items() if at[0] == size)
        axes.plot(*zip(*points, strict=True), "o-", markersize=4, label=f"{size:,}")
    axes.fill_between([1, MOST_WORK], MOST_DIFFERENT, alpha=0.15, color="green", label="goal")
    axes.set(xlabel="pixels computed per pixel mapped", ylabel="pixels of another class, %")
    axes.legend(title="side of a tile", frameon=False)
    figure.savefig(path, dpi=120)


def work(tile, overlap):
    return (tile / (tile - overlap)) ** 2


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slide")
    parser.add_argument("model")
    parser.add_argument("--at", nargs=2, type=float, action="append", required=True)
    parser.add_argument("--plot")
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    mpp = model.spec.views[0].mpp
    default = SegmentationSettings()
    print(f"{'tile':>5} {'overlap':>7} {'work':>5}  % of another class: all, each place")
    with open_slide(arguments.slide) as slide:
        runtime = open_runtime(model, "cpu")
        images = ((slide.read(*at, REGION, REGION, mpp)[None],) for at in arguments.at)
        wholes = [class_index(whole[0]) for whole in runtime.run(images)]
        found = {}
        for tile, overlap in CURVE:
            runtime = open_runtime(model, "cpu")  # what was compiled for other shapes is let go
            shares = [
                compared(slide, at, whole, runtime, tile, overlap)
                for at, whole in zip(arguments.at, wholes, strict=True)
            ]
            found[tile, overlap] = np.mean(shares)
            print(
                f"{tile:5} {overlap:7} {work(tile, overlap):5.2f}  {np.mean(shares):.2f} ",
                *(f"{share:5.2f}" for share in shares),
                " default" if (tile, overlap) == (default.tile, default.overlap) else "",
                flush=True,
            )
    if arguments.plot:
        draw(arguments.plot, found)


if __name__ == "__main__":
    main()
