"""Regions as GeoJSON that QuPath opens."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely import Polygon

from carcinomap.annotation import ClassScheme
from carcinomap.segmentation.outlines.tracing import Region

DECIMALS = 2  # of level-0 pixels


def write_geojson(
    path: Path,
    regions: Iterable[Region],
    classes: ClassScheme,
    scale: float,
    mpp: float,
    origin: tuple[int, int] = (0, 0),
) -> None:
    """Write a FeatureCollection, one feature after the other.

    Args:
        path: The file.
        regions: In map pixels.
        classes: Names and colours.
        scale: Level-0 pixels per map pixel.
        mpp: Microns per level-0 pixel.
        origin: Level-0 position that becomes (0, 0); recorded in the file as ``origin``.
    """
    with path.open("w", encoding="utf-8", newline="\n") as file:
        head = {"type": "FeatureCollection", "origin": list(origin), "mpp": mpp}
        file.write(json.dumps(head)[:-1] + ', "features": [')
        separator = "\n"
        for region in regions:
            for part in _level0(region.polygon, scale, origin):
                feature = _feature(part, region.index, classes, mpp)
                file.write(separator + json.dumps(feature, ensure_ascii=False))
                separator = ",\n"
        file.write("\n]}\n")


def _level0(polygon: Polygon, scale: float, origin: tuple[int, int]) -> list[Polygon]:
    """Return a polygon in rounded level-0 pixels; more than one where rounding pinches it."""
    moved = shapely.transform(polygon, lambda xy: np.round(xy * scale - origin, DECIMALS))
    if not moved.is_valid:
        moved = shapely.make_valid(moved)
    return [part for part in shapely.get_parts(moved) if isinstance(part, Polygon)]


def _feature(polygon: Polygon, index: int, classes: ClassScheme, mpp: float) -> dict[str, Any]:
    geometry = shapely.geometry.mapping(shapely.orient_polygons(polygon))
    return {
        "type": "Feature",
        "geometry": geometry,
        "properties": {
            "objectType": "annotation",
            "classification": {
                "name": classes.names[index],
                "color": list(classes.colours_rgb[index]),
            },
            "measurements": {"Area µm^2": round(polygon.area * mpp**2, 2)},
        },
    }
