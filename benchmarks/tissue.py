"""How much annotated area and how much bare glass the tissue mask keeps, and what is flagged.

    python benchmarks/tissue.py SLIDE… [--mpp 0.25] [--output PICTURES]

A SLIDE is a file, a folder or a pattern; annotations are looked for beside it under its name.

- *annotated*: annotated area inside the mask / annotated area, on a grid of 1 µm. Where a file
  NAME_windows.json lists the windows of a slide that hold real pixels, in brackets that of all of
  its annotated area, filler included.
- *glass*: cells of 32 µm whose pixels at 2 µm are even (standard deviation below 3 grey levels in
  every channel), grey (12 levels between channels), brighter than 200, and within 3 % of the
  median of such cells, outside of what is annotated; only in squares of four by four, for smaller
  ones are vacuoles and vessels.
  *in the open*: of it, what lies in pieces of 0.25 mm² and more, as no lumen of a gland is. The
  mask knows nothing of this rule.
- *blurred, pen, fold*: what find_artefacts flags of the tissue, as a share of it.
- *tissue s, artefacts s*: the best of three runs, and one run.
"""

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np

from carcinomap import find_tissue, open_slide
from carcinomap.annotation import (
    Annotation,
    AnnotationSet,
    ClassScheme,
    TissueClass,
    read_annotations,
)
from carcinomap.slide import MissingMppError, find_slides
from carcinomap.slide.tissue.picture import tissue_picture
from carcinomap.slide.tissue.quality import find_artefacts

CELL = 16  # pixels of 2 µm
CELL_UM2 = 32**2
OPEN_MM2 = 0.25
STRIP = 2048  # rows at a time of the grid of 1 µm
ANNOTATED = ClassScheme((TissueClass("not", "#ffffff"), TissueClass("annotated", "#000000")))
HEAD = (
    f"{'slide':24} {'mm²':>7} {'tissue':>7} {'annotated':>17} {'glass':>7} {'mm²':>6} "
    f"{'in the open':>11} {'mm²':>6} {'blurred':>7} {'pen':>6} {'fold':>6} {'tissue s':>8} "
    f"{'artefacts s':>11}"
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slides", nargs="+")
    parser.add_argument("--mpp", type=float, help="of slides that do not say theirs")
    parser.add_argument("--output", type=Path, help="folder for a picture of each slide")
    options = parser.parse_args()
    print(HEAD)
    rows = []
    for path in (path for name in options.slides for path in find_slides(name)):
        try:
            slide = open_slide(path)
        except MissingMppError:
            slide = open_slide(path, options.mpp)
        with slide:
            rows.append(measured(slide, options.output))
        print(line(slide.name, rows[-1]), flush=True)
    print(line("all", {key: sum(row[key] for row in rows) for key in rows[0]}))
    parts = [row["kept"] / row["annotated"] for row in rows if row["annotated"]]
    if parts:
        print(f"annotated area kept, least of a slide: {min(parts):.4f}")


def measured(slide, output):
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        tissue = find_tissue(slide)
        seconds.append(time.perf_counter() - started)
    started = time.perf_counter()
    quality = find_artefacts(slide, tissue)
    row = {"tissue_s": min(seconds), "artefacts_s": time.perf_counter() - started}
    if output:
        output.mkdir(parents=True, exist_ok=True)
        picture = tissue_picture(slide, tissue, quality)
        cv2.imwrite(str(output / f"{slide.name}.png"), picture[:, :, ::-1])
    row |= {"area": slide.area_mm2, "tissue": tissue.area_mm2}
    row |= {kind.name: share * tissue.area_mm2 for kind, share in quality.shares(tissue).items()}
    drawn = annotated(slide)
    return row | coverage(slide, tissue, drawn) | glass(slide, tissue, drawn)


def annotated(slide):
    """Return what is drawn on a slide, all of one label: where regions overlap they count once."""
    files = [slide.path.with_suffix(suffix) for suffix in (".xml", ".geojson", ".json")]
    found = [file for file in files if file.is_file()]
    annotations = read_annotations(found[0]) if found else AnnotationSet.empty()
    return AnnotationSet(
        tuple(Annotation("annotated", a.geometry) for a in annotations.annotations)
    )


def coverage(slide, tissue, drawn):
    """Return annotated mm², and those kept, in the windows of real pixels and over all."""
    listed = slide.path.with_name(f"{slide.name}_windows.json")
    windows = json.loads(listed.read_text()) if listed.is_file() else []
    counts = np.zeros(4)
    width, height = slide.size_at(1.0)
    for top in range(0, height if len(drawn) else 0, STRIP):
        y, rows = top / slide.mpp, min(STRIP, height - top)
        inside = drawn.label_image(0, y, width, rows, 1 / slide.mpp, ANNOTATED) > 0
        kept = tissue.window(0, y, width, rows, 1.0)
        real = np.full(inside.shape, not windows)
        for window in windows:
            x0, y0 = (round(window[key] * slide.mpp) for key in ("x", "y"))
            x1, y1 = x0 + window["width"] * slide.mpp, y0 + window["height"] * slide.mpp
            real[max(0, y0 - top) : max(0, round(y1) - top), x0 : round(x1)] = True
        parts = (inside & real, inside & real & kept, inside, inside & kept)
        counts += [np.count_nonzero(part) for part in parts]
    return dict(zip(("annotated", "kept", "all_annotated", "all_kept"), counts / 1e6, strict=True))


def glass(slide, tissue, drawn):
    """Return mm² of bare glass, and of it those in the mask; of all of it, and in the open."""
    columns, rows = (side // CELL for side in slide.size_at(2.0))
    mean, deviation = np.zeros((2, rows, columns, 3))
    white = np.zeros((rows, columns), bool)
    for row in range(rows):
        image = slide.read(0, row * 32 / slide.mpp, columns * CELL, CELL, 2.0).astype(np.float32)
        cells = image.reshape(CELL, columns, CELL, 3)
        mean[row], deviation[row] = cells.mean(axis=(0, 2)), cells.std(axis=(0, 2))
        white[row] = (cells == 255).all(axis=3).mean(axis=(0, 2)) > 0.02  # filler
    outside = drawn.label_image(0, 0, columns, rows, 32 / slide.mpp, ANNOTATED) == 0
    even = (deviation.max(axis=2) < 3) & (mean.min(axis=2) > 200) & ~white & outside
    even &= np.ptp(mean, axis=2) <= 12
    bare = np.zeros_like(even)
    if even.any():
        bare = even & (np.abs(mean / np.median(mean[even], axis=0) - 1).max(axis=2) < 0.03)
    square = {"kernel": np.ones((4, 4), np.uint8), "borderValue": 0}
    bare = cv2.morphologyEx(bare.astype(np.uint8), cv2.MORPH_OPEN, **square)
    _, pieces, statistics, _ = cv2.connectedComponentsWithStats(bare, connectivity=4)
    wide = (statistics[:, cv2.CC_STAT_AREA] * CELL_UM2 >= OPEN_MM2 * 1e6)[pieces] & (bare > 0)
    kept = tissue.window(0, 0, columns * 4, rows * 4, 8.0).reshape(rows, 4, columns, 4)
    share, mm2 = kept.mean(axis=(1, 3)), CELL_UM2 / 1e6
    return {
        "glass": bare.sum() * mm2,
        "glass_kept": share[bare > 0].sum() * mm2,
        "open": wide.sum() * mm2,
        "open_kept": share[wide].sum() * mm2,
    }


def line(name, row):
    def share(part, whole):
        return f"{row[part] / row[whole]:.3f}" if row[whole] else "-"

    annotated = f"{row['kept'] / row['annotated']:.4f}" if row["annotated"] else "-"
    if row["all_annotated"] > row["annotated"]:
        annotated += f" ({row['all_kept'] / row['all_annotated']:.4f})"
    return (
        f"{name:24} {row['area']:7.2f} {share('tissue', 'area'):>7} {annotated:>17} "
        f"{share('glass_kept', 'glass'):>7} {row['glass']:6.2f} {share('open_kept', 'open'):>11} "
        f"{row['open']:6.2f} {share('BLURRED', 'tissue'):>7} {share('PEN', 'tissue'):>6} "
        f"{share('FOLD', 'tissue'):>6} {row['tissue_s']:8.2f} {row['artefacts_s']:11.2f}"
    )


if __name__ == "__main__":
    main()
