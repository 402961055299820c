"""Put a class map together as a tiled, pyramidal OME-TIFF."""

import hashlib
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile

from carcinomap.annotation import ClassScheme
from carcinomap.segmentation.mapping.plan import CELL
from carcinomap.segmentation.results.pyramid import level_sizes
from carcinomap.segmentation.unfinished.spool import Spool
from carcinomap.version import __version__

NAMESPACE = "carcinomap/class-map"
"""Marks the key-value annotation in the OME-XML that makes a TIFF a class map."""

BIG = 3_500_000_000  # bytes of tiles beyond which classic TIFF's 32-bit offsets get tight
MICRONS_PER_CENTIMETRE = 10_000


def write_class_map(
    path: Path,
    spool: Spool,
    width: int,
    height: int,
    mpp: float,
    classes: ClassScheme,
    name: str,
) -> None:
    """Write the levels of a spool as one file; the same spool gives the same bytes.

    Args:
        path: The file.
        spool: All levels of the map.
        width: Of level 0, in pixels.
        height: Of level 0, in pixels.
        mpp: Microns per pixel of level 0.
        classes: What the indices mean; stored as JSON in the OME-XML.
        name: The image's name, the slide's.
    """
    sizes = level_sizes(width, height)
    name = name.encode(errors="replace").decode()  # a file's need not be UTF-8, as XML has to be
    scheme = json.dumps(classes.to_dict(), ensure_ascii=False, sort_keys=True)
    identity, stored = _digest(spool, sizes, f"{name}\n{mpp!r}\n{scheme}")
    creator = f"carcinomap {__version__}"
    ome = {
        "Creator": creator,
        "UUID": str(identity),
        "Name": name,
        "axes": "YX",
        "PhysicalSizeX": mpp,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": mpp,
        "PhysicalSizeYUnit": "µm",
        "Channel": {"Name": "class"},
        "MapAnnotation": {"Namespace": NAMESPACE, "classes": scheme},
    }
    with tifffile.TiffWriter(path, bigtiff=stored > BIG, ome=True) as tiff:
        for level, (columns, rows) in enumerate(sizes):
            resolution = MICRONS_PER_CENTIMETRE / (mpp * 2**level)
            tiff.write(
                _tiles(spool, level, columns, rows),
                shape=(rows, columns),
                dtype=np.uint8,
                tile=(CELL, CELL),
                compression="adobe_deflate",
                photometric="minisblack",
                resolution=(resolution, resolution),
                resolutionunit="CENTIMETER",
                software=creator,
                **({"metadata": ome, "subifds": len(sizes) - 1} if level == 0 else _REDUCED),
            )


_REDUCED = {"metadata": None, "subfiletype": 1}


def _tiles(spool: Spool, level: int, width: int, height: int) -> Iterator[bytes]:
    """Yield a level's compressed tiles in the order of TIFF."""
    for row in range(-(-height // CELL)):
        for column in range(-(-width // CELL)):
            yield spool.compressed(level, row, column)


def _digest(spool: Spool, sizes: list[tuple[int, int]], text: str) -> tuple[uuid.UUID, int]:
    """Return a UUID made from the content, as OME wants one, and the bytes of all tiles."""
    digest = hashlib.sha256(text.encode())
    stored = 0
    for level, (width, height) in enumerate(sizes):
        for tile in _tiles(spool, level, width, height):
            digest.update(tile)
            stored += len(tile)
    return uuid.uuid5(uuid.NAMESPACE_OID, digest.hexdigest()), stored
