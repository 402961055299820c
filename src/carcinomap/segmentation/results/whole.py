"""From a spool that holds all cells of a map to the files of the result."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from carcinomap.files import write_json
from carcinomap.segmentation.job import Job
from carcinomap.segmentation.outlines.geojson import write_geojson
from carcinomap.segmentation.outlines.tracing import BLOCK, join
from carcinomap.segmentation.results.classmap import ClassMap
from carcinomap.segmentation.results.outputs import (
    MAP,
    OVERVIEW,
    POLYGONS,
    PROBABILITIES,
    RECORD,
    UNCERTAINTY,
    Outputs,
)
from carcinomap.segmentation.results.overview import MAX_SIDE, draw_overview
from carcinomap.segmentation.results.planes import Planes
from carcinomap.segmentation.results.pyramid import build_pyramid, level_sizes
from carcinomap.segmentation.results.writer import write_class_map
from carcinomap.segmentation.unfinished.spool import OUTLINES, Spool
from carcinomap.version import __version__


def write_results(job: Job, spool: Spool, inside: Outputs, identity: Mapping[str, Any]) -> None:
    """Write all files of a result.

    Args:
        job: The slide.
        spool: All cells of its map, and the outlines of all blocks.
        inside: Where to write.
        identity: What the result is of.
    """
    counts = _count(spool)
    areas = {
        name: int(counts[index]) * job.mpp**2 / 1e6 for index, name in enumerate(job.classes.names)
    }
    build_pyramid(spool, len(level_sizes(*job.size)))
    write_class_map(inside.path(MAP), spool, *job.size, job.mpp, job.classes, job.slide.name)
    for suffix in (PROBABILITIES, UNCERTAINTY):
        if inside.path(suffix).exists():
            Planes.open(inside.path(suffix)).finish()
    regions = _write_outlines(job, spool, inside)
    _draw(job, areas, inside)
    record = {**_record(identity, areas, regions), "files": inside.sizes()}
    write_json(inside.path(RECORD), record)


def _count(spool: Spool) -> NDArray[np.int64]:
    """Return the number of pixels with each value in the cells that hold something."""
    counts = np.zeros(256, np.int64)
    for row, column in spool.cells(0):
        histogram = cv2.calcHist([spool.read(0, row, column)], [0], None, [256], [0, 256])
        counts += histogram.reshape(-1).astype(np.int64)
    return counts


def _write_outlines(job: Job, spool: Spool, inside: Outputs) -> Counter[int] | None:
    """Join the blocks' outlines and write them; return the number of regions of every class."""
    if not job.settings.outlines:
        return None
    blocks = (
        (row, column, spool.get((OUTLINES, row, column)) or b"")
        for row, column in spool.keys(OUTLINES)
    )
    smallest = job.settings.min_area_um2 / job.mpp**2
    regions = join(blocks, BLOCK, *job.size, smallest)
    path, slide = inside.path(POLYGONS), job.slide
    return write_geojson(path, regions, job.classes, job.ratio, slide.mpp, slide.bounds_origin)


def _draw(job: Job, areas: Mapping[str, float], inside: Outputs) -> None:
    thumbnail, mpp = job.slide.thumbnail(MAX_SIDE)
    with ClassMap.open(inside.path(MAP)) as class_map:
        labels = class_map.overview(max(thumbnail.shape))
    path = inside.path(OVERVIEW)
    draw_overview(path, thumbnail, labels, mpp, job.classes, areas, job.slide.name)


def _record(
    identity: Mapping[str, Any], areas: Mapping[str, float], regions: Counter[int] | None
) -> dict[str, Any]:
    """Return what ``NAME.json`` says."""
    tissue = sum(areas.values())
    return {
        **{key: identity[key] for key in ("slide", "content", "model", "mpp", "size", "roi")},
        "tissue_mm2": round(tissue, 6),
        "classes": {
            name: {
                "area_mm2": round(area, 6),
                "share_of_tissue": round(area / tissue, 6) if tissue else 0.0,
                # Class 0 is what remains; it is not outlined.
                "regions": regions[index] if index and regions is not None else None,
            }
            for index, (name, area) in enumerate(areas.items())
        },
        "settings": identity["settings"],
        "version": __version__,
    }
