"""What a class map or planes hold, in numbers for people."""

from pathlib import Path
from typing import Any

import numpy as np

from carcinomap.segmentation.results.classmap import ClassMap
from carcinomap.segmentation.results.planes import Planes

WINDOW = 4096


def describe_class_map(path: Path) -> dict[str, Any]:
    """Return the size, mpp and area in mm² of every class of a map.

    Raises:
        InputError: The file is no class map.
    """
    with ClassMap.open(path) as class_map:
        counts = np.zeros(256, np.int64)
        for y in range(0, class_map.height, WINDOW):
            for x in range(0, class_map.width, WINDOW):
                width, height = min(WINDOW, class_map.width - x), min(WINDOW, class_map.height - y)
                window = class_map.window(x, y, width, height)
                counts += np.bincount(window.reshape(-1), minlength=256)
        pixel_mm2 = class_map.mpp**2 / 1e6
        return {
            "size": f"{class_map.width} × {class_map.height} pixels",
            "mpp": class_map.mpp,
            "areas_mm2": {
                name: round(float(counts[index] * pixel_mm2), 4)
                for index, name in enumerate(class_map.classes.names)
            },
        }


def describe_planes(path: Path) -> dict[str, Any]:
    """Return the size, mpp and channels of an OME-Zarr image of planes.

    Raises:
        InputError: The folder is no such image.
    """
    planes = Planes.open(path)
    return {
        "size": f"{planes.width} × {planes.height} pixels",
        "mpp": planes.mpp,
        "channels": [{"name": one.name, "color": one.colour} for one in planes.channels],
    }
