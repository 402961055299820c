"""How fast windows are drawn: outlines, the same by rasterio alone, and label images.

    python benchmarks/label_image.py [ANNOTATION …]

Windows of 512², each around a random vertex, so that there is always something to draw, at
level-0 pixels and at four times that; outlines made here of 100,000 vertices a slide, then those
of the files. Bare rasterio is given all outlines, as GeoJSON made beforehand. The label image is
the same slide in tiles, written and read here. Medians of 100 windows, in milliseconds; processor
time of this thread, so that other programs count less. `near` are the vertices of the outlines
that reach into a window.
"""

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio.features
import shapely
from rasterio import Affine
from shapely import Polygon

from carcinomap.annotation import (
    Annotation,
    AnnotationSet,
    ClassScheme,
    FileContext,
    LabelImage,
    SlideFrame,
    read_annotations,
    write_annotations,
)

SIDE = 512
WINDOWS = 100
BARE_WINDOWS = 10  # it takes long
SLIDE = 50_000
TABLE = "{:30} {:>7} {:>8} {:>8} {:>5} {:>9} {:>9} {:>12}"
SCHEME = replace(ClassScheme.default(), unknown="ignore")


def outline(random, radius, vertices):
    """Return a lesion's outline as a hand draws it."""
    angles = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    orders = np.arange(1, 40)[:, None]
    waves = np.cos(orders * angles + random.uniform(0, 6, orders.shape))
    radii = radius * (1 + 0.15 * (random.normal(size=39) / orders[:, 0] ** 1.2) @ waves)
    x, y = random.uniform(1.3 * radius, SLIDE - 1.3 * radius, 2)
    return Polygon(np.column_stack((x + radii * np.cos(angles), y + radii * np.sin(angles))))


def made(random, count, radius):
    shapes = [outline(random, radius, 100_000 // count) for _ in range(count)]
    labels = random.choice(SCHEME.names[1:], count)
    return AnnotationSet(tuple(map(Annotation, labels, map(shapely.make_valid, shapes))))


def median(draw, corners, scale):
    draw(*corners[0], SIDE, SIDE, scale, SCHEME)  # builds the index
    times = []
    for corner in corners:
        start = time.thread_time()
        draw(*corner, SIDE, SIDE, scale, SCHEME)
        times.append(time.thread_time() - start)
    return 1e3 * np.median(times)


def near(annotations, corners, reach):
    """Return the median number of vertices of the outlines that reach into a window."""
    areas = np.array([one.geometry for one in annotations.annotations])
    tree, counts = shapely.STRtree(areas), shapely.get_num_coordinates(areas)
    windows = [shapely.box(x, y, x + reach, y + reach) for x, y in corners]
    return int(np.median([counts[tree.query(window)].sum() for window in windows]))


def show(name, annotations, folder, random):
    areas = [one.geometry for one in annotations.annotations]
    vertices = shapely.get_coordinates(areas)
    centres = vertices[random.integers(len(vertices), size=WINDOWS)]
    shapes = [(shapely.geometry.mapping(area), 1) for area in areas]
    right, bottom = (int(side) + 100 for side in vertices.max(axis=0))
    context = FileContext(SlideFrame(right, bottom), scheme=SCHEME)
    write_annotations(annotations, folder / "labels.tif", context)
    image = LabelImage.open(folder / "labels.tif")

    def bare(x, y, width, height, scale, _):
        transform = Affine(scale, 0, x, 0, scale, y)
        rasterio.features.rasterize(shapes, (height, width), transform=transform, dtype="uint8")

    for scale in (1, 4):
        corners = centres - SIDE * scale / 2
        numbers = [
            median(annotations.label_image, corners, scale),
            median(bare, corners[:BARE_WINDOWS], scale),
            median(image.label_image, corners, scale),
        ]
        reached = near(annotations, corners, SIDE * scale)
        row = (name, f"{len(areas):,}", f"{len(vertices):,}", f"{reached:,}", scale)
        print(TABLE.format(*row, *(f"{number:.2f}" for number in numbers)), flush=True)


def main():
    random = np.random.default_rng(0)
    heads = ("regions", "vertices", "near", "scale", "outlines", "rasterio", "label image")
    print(TABLE.format("", *heads))
    with tempfile.TemporaryDirectory() as folder:
        for count, radius in ((1, 15_000), (20, 3_000), (400, 500)):
            show(f"made, radius {radius:,}", made(random, count, radius), Path(folder), random)
        for file in sys.argv[1:]:
            show(Path(file).stem, read_annotations(file), Path(folder), random)


if __name__ == "__main__":
    main()
