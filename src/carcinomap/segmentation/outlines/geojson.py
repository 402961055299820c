"""Regions as GeoJSON that QuPath opens."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from carcinomap.annotation import ClassScheme
from carcinomap.segmentation.outlines.tracing import Region

DECIMALS = 2  # of level-0 pixels

BATCH = 256  # regions prepared at once, since calls take longer than what they do for a small one


def write_geojson(
    path: Path,
    regions: Iterable[Region],
    classes: ClassScheme,
    scale: float,
    mpp: float,
    origin: tuple[int, int] = (0, 0),
) -> Counter[int]:
    """Write a FeatureCollection while the regions come.

    Args:
        path: The file.
        regions: In map pixels.
        classes: Names and colours.
        scale: Level-0 pixels per map pixel.
        mpp: Microns per level-0 pixel.
        origin: Level-0 position that becomes (0, 0); recorded in the file as ``origin``.

    Returns:
        How many features each class has, by its index.
    """
    count: Counter[int] = Counter()
    coming = iter(regions)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        head = {"type": "FeatureCollection", "origin": list(origin), "mpp": mpp}
        file.write(json.dumps(head)[:-1] + ', "features": [')
        separator = "\n"
        while batch := list(islice(coming, BATCH)):
            indices, polygons = _level0(batch, scale, origin)
            for feature in _features(indices, polygons, classes, mpp):
                file.write(separator + feature)
                separator = ",\n"
            count.update(indices)
        file.write("\n]}\n")
    return count


def _level0(
    regions: list[Region], scale: float, origin: tuple[int, int]
) -> tuple[list[int], NDArray[Any]]:
    """Return classes and polygons in rounded level-0 pixels; more where rounding pinches one."""
    moved = shapely.transform(
        np.array([region.polygon for region in regions]),
        lambda xy: np.round(xy * scale - origin, DECIMALS),
    )
    pinched = ~shapely.is_valid(moved)
    moved[pinched] = shapely.make_valid(moved[pinched])
    indices = np.array([region.index for region in regions])
    for _ in range(2):  # what is left of one may be several polygons among points and lines
        moved, owners = shapely.get_parts(moved, return_index=True)
        indices = indices[owners]
    polygons = shapely.get_type_id(moved) == shapely.GeometryType.POLYGON
    return indices[polygons].tolist(), moved[polygons]


def _features(
    indices: list[int], polygons: NDArray[Any], classes: ClassScheme, mpp: float
) -> Iterator[str]:
    geometries = shapely.to_geojson(shapely.orient_polygons(polygons)).tolist()
    areas = np.round(shapely.area(polygons) * mpp**2, 2).tolist()
    for index, geometry, area in zip(indices, geometries, areas, strict=True):
        properties = {
            "objectType": "annotation",
            "classification": {
                "name": classes.names[index],
                "color": list(classes.colours_rgb[index]),
            },
            "measurements": {"Area µm^2": area},
        }
        said = json.dumps(properties, ensure_ascii=False)
        yield f'{{"type": "Feature", "geometry": {geometry}, "properties": {said}}}'
