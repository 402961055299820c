"""A class map read back from ``NAME.ome.tif``, window by window."""

import json
import math
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import tifffile
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring
from numpy.typing import NDArray

from carcinomap.annotation import ClassScheme
from carcinomap.errors import InputError, existing_file
from carcinomap.segmentation.results.writer import NAMESPACE
from carcinomap.segmentation.unfinished.spool import NOT_MAPPED
from carcinomap.storage import AnyPath, as_path, local_copy

OME = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"
LARGEST_TILE = 4096  # a file that claims larger ones would make us allocate them


@dataclass(frozen=True)
class _Header:
    """What the OME-XML of a class map says."""

    mpp: float
    classes: ClassScheme


class ClassMap:
    """An open class map; a context manager, safe to read from many threads.

    Attributes:
        path: The file.
        width: In map pixels.
        height: In map pixels.
        mpp: Microns per map pixel.
        classes: What the indices mean.
    """

    def __init__(self, path: Path, tiff: tifffile.TiffFile) -> None:
        self.path = path
        self._tiff = tiff
        self._lock = threading.Lock()
        # Not tiff.series: that parses the XML a second time, with a parser that expands entities.
        self._levels = [_checked(page) for page in (tiff.pages[0], *(tiff.pages[0].pages or ()))]
        self.height, self.width = self._levels[0].shape
        header = _header(tiff.pages[0].description)
        self.mpp, self.classes = header.mpp, header.classes

    @classmethod
    def open(cls, path: str | AnyPath) -> Self:
        """Open a class map; a remote one is fetched first.

        Raises:
            InputError: There is no such file, or it is no class map of carcinomap.
            CarcinomapError: Its storage cannot be reached.
        """
        path = existing_file(local_copy(as_path(path), "class map"), "class map")
        with ExitStack() as opened:
            try:
                tiff = opened.enter_context(tifffile.TiffFile(path))
                class_map = cls(path, tiff)
            except OSError:
                raise
            except Exception as error:  # a broken TIFF fails in many ways inside the library
                raise InputError(
                    f"{path}: not a class map made by carcinomap ({error or type(error).__name__})"
                ) from error
            opened.pop_all()
        return class_map

    def close(self) -> None:
        """Close the file."""
        self._tiff.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def window(self, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        """Return a window of the map.

        Args:
            x: Left column in map pixels; may lie outside the map.
            y: Top row in map pixels; may lie outside the map.
            width: In map pixels.
            height: In map pixels.

        Returns:
            uint8 (height, width): class indices, 255 where nothing is mapped.

        Raises:
            InputError: The file is damaged there.
        """
        return self._window(self._levels[0], x, y, width, height)

    def overview(self, max_side: int) -> NDArray[np.uint8]:
        """Return the whole map, its longer side at most ``max_side`` pixels.

        Returns:
            uint8 (rows, columns): the class at the centre of each pixel.
        """
        shrink = max(1.0, max(self.width, self.height) / max_side)
        columns, rows = (max(1, int(side / shrink)) for side in (self.width, self.height))
        level = next(
            (page for page in reversed(self._levels) if page.shape[1] >= columns), self._levels[0]
        )
        source = self._window(level, 0, 0, level.shape[1], level.shape[0])
        centres = [
            ((np.arange(count) + 0.5) * size / count).astype(np.int64)
            for count, size in zip((rows, columns), source.shape, strict=True)
        ]
        return source[np.ix_(*centres)]

    def _window(self, page: Any, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        output = np.full((height, width), NOT_MAPPED, np.uint8)
        rows, columns = page.shape
        left, right = max(x, 0), min(x + width, columns)
        top, bottom = max(y, 0), min(y + height, rows)
        if left >= right or top >= bottom:
            return output
        down, across = page.tilelength, page.tilewidth
        for row in range(top // down, -(-bottom // down)):
            for column in range(left // across, -(-right // across)):
                tile = self._tile(page, row * -(-columns // across) + column)
                y0, y1 = max(top, row * down), min(bottom, (row + 1) * down)
                x0, x1 = max(left, column * across), min(right, (column + 1) * across)
                output[y0 - y : y1 - y, x0 - x : x1 - x] = tile[
                    y0 - row * down : y1 - row * down, x0 - column * across : x1 - column * across
                ]
        return output

    def _tile(self, page: Any, index: int) -> NDArray[np.uint8]:
        """Decode one tile: uint8 (tile length, tile width), cut at the border of the map."""
        try:
            with self._lock:
                self._tiff.filehandle.seek(page.dataoffsets[index])
                data = self._tiff.filehandle.read(page.databytecounts[index])
            tile = page.decode(data, index)[0]
        except Exception as error:  # whatever the decoder says about damaged bytes
            raise InputError(f"{self.path}: damaged, tile {index} cannot be read") from error
        if tile is None:
            raise InputError(f"{self.path}: damaged, tile {index} is missing")
        return np.asarray(tile[0, :, :, 0])


class _NotOursError(Exception):
    """Why a file is no class map, in words."""


def _checked(page: Any) -> Any:
    """Return a page of the pyramid if it is as class maps are."""
    if page.dtype != np.uint8 or len(page.shape) != 2 or not page.is_tiled:
        raise _NotOursError("not a tiled image of one channel of bytes")
    # A damaged directory gives tuples or nothing where there should be a number.
    sides = (*page.shape, page.tilelength, page.tilewidth)
    if not all(isinstance(side, int) and side > 0 for side in sides):
        raise _NotOursError("its sizes are no sizes")
    if max(page.tilelength, page.tilewidth) > LARGEST_TILE:
        raise _NotOursError("its tiles are too large")
    return page


def _header(description: str) -> _Header:
    try:
        root = fromstring(description)
    except (ParseError, DefusedXmlException) as error:
        raise _NotOursError("no OME-XML") from error
    pixels = root.find(f"{OME}Image/{OME}Pixels")
    entry = root.find(
        f"{OME}StructuredAnnotations/{OME}MapAnnotation[@Namespace='{NAMESPACE}']"
        f"/{OME}Value/{OME}M[@K='classes']"
    )
    if pixels is None or entry is None:
        raise _NotOursError("its OME-XML names no classes")
    mpp = float(pixels.get("PhysicalSizeX", "nan"))
    if not (math.isfinite(mpp) and mpp > 0 and pixels.get("PhysicalSizeXUnit", "µm") == "µm"):
        raise _NotOursError("its OME-XML gives no pixel size in µm")
    return _Header(mpp, ClassScheme.from_dict(json.loads(entry.text or "")))
