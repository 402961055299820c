"""Open a label image: PNG, or TIFF in tiles or strips.

A tiled TIFF is read in place, whatever its size, and opened anew for every tile: thousands of
cases hold no file handles. Everything else is packed into tiles in memory, once in a process.
"""

import logging
import threading
import warnings
from collections import OrderedDict
from dataclasses import replace
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import tifffile

from carcinomap.annotation.frame import SlideFrame
from carcinomap.annotation.label_images.label_tiles import (
    BYTES_PER_TILE,
    LARGEST_PIECE,
    NoLabelImageError,
    Tiles,
    Values,
    one_channel,
    packed,
)
from carcinomap.errors import InputError, existing_file
from carcinomap.files import escaped

_MEMORY = 1 << 29  # bytes: what a process keeps of the files it used last
_PNG = b"\x89PNG"
_PNG_INTERLACE = 28  # where the header says whether all rows come piecemeal
_PNG_TAIL = 4096  # bytes; some programs leave a few of their own at the end
_LOSSLESS = (1, 5, 8, 32773, 32946, 34925, 50000)  # none, LZW, deflate, PackBits, LZMA, zstd
_X_RESOLUTION, _RESOLUTION_UNIT = 282, 296
_MICRONS = {2: 25_400, 3: 10_000}  # in TIFF's units of length, inch and centimetre
_COARSEST = 50  # µm per pixel: the 72 or 300 dots per inch of a printer are no scanner's

# tifffile logs what it finds odd; what matters comes out as an error here.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


_kept: OrderedDict[tuple[Path, int, int], Tiles] = OrderedDict()
_lock = threading.Lock()


def open_tiles(path: Path) -> Tiles:
    """Return the tiles of a label image. Nothing stays open.

    Raises:
        InputError: It is no PNG or TIFF of one channel of whole numbers, or not all of it.
    """
    status = existing_file(path, "label image").stat()
    state = (path, status.st_mtime_ns, status.st_size)  # a file that has changed is another
    with _lock:
        if state in _kept:
            _kept.move_to_end(state)
            return _kept[state]
    tiles = _open(path, status.st_size)
    with _lock:
        _kept[state] = tiles
        while len(_kept) > 1 and sum(each.held for each in _kept.values()) > _MEMORY:
            _kept.popitem(last=False)
    return tiles


def scale_of(path: Path, tiles: Tiles, frame: SlideFrame) -> float:
    """Return level-0 pixels per pixel of an image that covers the whole slide.

    The sides of the image are those of the slide divided by the scale, and rounded in some way.
    The scale may be what the file claims, or a whole number, or else what the longer side says.

    Raises:
        InputError: There is no such scale.
    """
    slide, image = (frame.width, frame.height), (tiles.width, tiles.height)

    def fits(scale: float) -> bool:
        return all(abs(s / scale - i) < 1 + 1e-6 for s, i in zip(slide, image, strict=True))

    longer = max(zip(slide, image, strict=True))
    ratio = longer[0] / longer[1]
    # To nine digits, as TIFF's fractions are: 2 shall not come as 2.0000000001.
    claimed = [float(f"{tiles.mpp / frame.mpp:.9g}")] if tiles.mpp and frame.mpp else []
    found = [scale for scale in (*claimed, float(round(ratio)), ratio) if scale and fits(scale)]
    if not found:
        raise InputError(
            f"{path}: {tiles.width:,} × {tiles.height:,} pixels are of another shape than the "
            f"slide's {frame.width:,} × {frame.height:,}; a label image covers the whole slide. "
            "Is it of another slide, or of a part?"
        )
    return found[0]


def _open(path: Path, size: int) -> Tiles:
    try:
        with path.open("rb") as file:
            is_png = file.read(len(_PNG)) == _PNG
        return _png(path, size) if is_png else _tiff(path)
    except NoLabelImageError as reason:
        raise InputError(f"{path}: no label image: {reason}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except Exception as error:  # a damaged file makes the libraries fail in any way there is
        raise InputError(f"{path}: damaged, or not all of it ({error})") from None


def _png(path: Path, size: int) -> Tiles:
    with path.open("rb") as file:
        interlaced = file.read(_PNG_INTERLACE + 1)[-1]
        file.seek(max(0, size - _PNG_TAIL))
        if b"IEND" not in file.read():  # GDAL would read what there is, and make up the rest
            raise NoLabelImageError("its end is missing")
    # GDAL shall look for nothing beside the file.
    alone = {"GDAL_PAM_ENABLED": False, "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}
    with rasterio.Env(**alone), _open_png(path) as image:
        if interlaced and 8 * image.width * image.height > LARGEST_PIECE:
            raise NoLabelImageError("it is interlaced, and too large to be read whole")
        channels = [1] if image.count < 3 else [1, 2, 3]

        def rows(top: int, bottom: int) -> Values:
            pixels = image.read(channels, window=((top, bottom), (0, image.width)))
            return one_channel(np.moveaxis(pixels, 0, -1))

        return packed(image.width, image.height, rows)


def _open_png(path: Path) -> Any:
    # GDAL takes names in UTF-8, which those of files need not be.
    source = path if escaped(str(path)) == str(path) else BytesIO(path.read_bytes())
    with _lock, warnings.catch_warnings():  # which changes what all threads see
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        return rasterio.open(source, driver="PNG")


def _tiff(path: Path) -> Tiles:
    with tifffile.TiffFile(path) as tiff:
        page: Any = tiff.pages[0]
        tiles = _pieces(path, page)
        if len(tiff.pages) > 1 and tiff.pages[1].shape == page.shape:
            raise NoLabelImageError("it holds several images of one size")
    if page.is_tiled:
        return tiles
    if page.is_memmappable:
        mapped = tifffile.memmap(path, page=0, mode="r").reshape(tiles.height, tiles.width, -1)
        whole = packed(tiles.width, tiles.height, lambda top, end: one_channel(mapped[top:end]))
    else:
        columns = np.arange(tiles.width)
        strips = replace(tiles, read=lru_cache(1)(tiles.read))
        whole = packed(
            tiles.width, tiles.height, lambda top, end: strips.sample(np.arange(top, end), columns)
        )
    return replace(whole, mpp=tiles.mpp, description=tiles.description)


def _pieces(path: Path, page: Any) -> Tiles:
    """Return the tiles of a TIFF's page, or its strips, which are tiles as wide as the image."""
    width, height = _side(page.imagewidth), _side(page.imagelength)
    across = _side(page.tilewidth) if page.is_tiled else width
    down = _side(page.tilelength if page.is_tiled else min(page.rowsperstrip, height))
    samples = _side(page.samplesperpixel)
    if page.dtype is None or page.dtype.kind not in "bui":
        raise NoLabelImageError(f"its pixels are no whole numbers ({page.dtype})")
    if page.imagedepth != 1 or (samples > 1 and page.planarconfig != 1):
        raise NoLabelImageError("it has several channels or planes, where one holds the values")
    if page.compression not in _LOSSLESS:
        name = getattr(page.compression, "name", page.compression)
        raise NoLabelImageError(f"{name} compression may change values; LZW and deflate do not")
    size = across * down * samples * page.dtype.itemsize
    if size > LARGEST_PIECE and (page.is_tiled or not page.is_memmappable):
        raise NoLabelImageError(f"its pieces of {across:,} × {down:,} pixels are too large to read")
    offsets, counts = page.dataoffsets, page.databytecounts
    pieces = -(-width // across) * -(-height // down)
    if not len(offsets) == len(counts) == pieces:
        raise NoLabelImageError(f"it does not say where its {pieces} pieces are")

    def read(index: int) -> Values:
        if not counts[index]:  # left out, as GDAL does where all is 0
            return np.zeros((down, across), np.uint8)
        try:
            with path.open("rb") as file:
                file.seek(offsets[index])
                data = file.read(counts[index])
            pixels = page.decode(data, index)[0][0]
        except Exception as error:  # whatever the decoder says about damaged bytes
            raise NoLabelImageError(f"damaged, piece {index} cannot be read ({error})") from error
        return one_channel(pixels)

    said = _claimed_mpp(page), str(page.description)
    return Tiles(width, height, across, down, read, *said, held=pieces * BYTES_PER_TILE)


def _side(number: Any) -> int:
    # A damaged directory gives tuples or nothing where there should be a number.
    if not isinstance(number, int) or number < 1:
        raise NoLabelImageError(f"a size of {number!r} pixels")
    return number


def _claimed_mpp(page: Any) -> float | None:
    quotient = page.tags.valueof(_X_RESOLUTION)
    unit = _MICRONS.get(page.tags.valueof(_RESOLUTION_UNIT))
    if unit is None or not isinstance(quotient, tuple) or not all(quotient):
        return None
    mpp = unit * float(quotient[1]) / float(quotient[0])
    return mpp if mpp <= _COARSEST else None
