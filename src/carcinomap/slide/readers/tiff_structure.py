"""Which pages of a TIFF file make up the slide, and what its metadata say."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import tifffile

from carcinomap.errors import CarcinomapError
from carcinomap.slide.readers.ome import is_ome, read_ome
from carcinomap.slide.readers.pixel_size import GENERIC, positive, resolution_properties
from carcinomap.slide.readers.reader import DeclinedError
from carcinomap.slide.readers.tiff_page import TiledImage, tiled_image
from carcinomap.slide.readers.tiff_vendor import is_dicom, vendor_of
from carcinomap.storage import ByteSource, FileView

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
MOST_PAGES = 256
MOST_TILES = 4_000_000  # of all levels together; 400,000² pixels in tiles of 256² have 3 million
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, SUB_IFDS = 282, 283, 296, 330
ASPECT = 0.02  # relative difference of the steps across and down up to which a page is a level
REDUCED = 1  # bit of a page's subfile type: a smaller version of another

# tifffile logs what it finds odd; what matters comes out as an error here.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Structure:
    """What a TIFF slide consists of.

    Attributes:
        images: The levels, from the finest to the coarsest.
        associated: Names of the other images.
        properties: Metadata under OpenSlide's names.
    """

    images: tuple[TiledImage, ...]
    associated: tuple[str, ...]
    properties: dict[str, str]


def read_structure(source: ByteSource) -> Structure:
    """Read the structure of a TIFF slide.

    Args:
        source: The file.

    Raises:
        DeclinedError: It is none that this reader can show.
        RefusedError: It is understood, and no picture of a stained slide, or too large.
        CarcinomapError: The storage where it is fails.
    """
    file = FileView(source)
    start = file.read(132)
    if start[:4] not in MAGIC:
        raise DeclinedError("no TIFF file")
    if is_dicom(start):
        raise DeclinedError("a dicom file")
    file.seek(0)
    try:
        with tifffile.TiffFile(file) as tiff:
            return _read(tiff)
    except (DeclinedError, CarcinomapError):
        raise
    except Exception as error:  # a damaged file makes the parser fail in any way there is
        raise DeclinedError(f"its TIFF structure cannot be read ({error})") from error


def _read(tiff: tifffile.TiffFile) -> Structure:
    first = tiff.pages[0]
    vendor = vendor_of(first)
    if vendor not in ("aperio", None):
        raise DeclinedError(f"a {vendor} file")
    pages = _bounded(tiff.pages)
    if vendor == "aperio":
        return _aperio(pages)
    return _ome(pages) if is_ome(first.description) else _generic(pages)


def _aperio(pages: Sequence[Any]) -> Structure:
    """Take every tiled page for a level and every other one for a picture of the glass."""
    levels = tuple(tiled_image(page) for page in pages if page.is_tiled)
    if not levels:
        raise DeclinedError("no image in tiles")
    if any(level.sparse for level in levels):
        raise DeclinedError("missing tiles, to be drawn from another level")
    if sorted(levels, key=lambda level: -level.width) != list(levels):
        raise DeclinedError("levels out of order")
    names = (
        "thumbnail" if index == 1 else _second_line(page.description)
        for index, page in enumerate(pages)
        if not page.is_tiled
    )
    properties = _tag_properties(pages[0])
    for field in pages[0].description.split("|")[1:]:
        key, equals, value = field.partition("=")
        if equals:
            properties[f"aperio.{key.strip()}"] = value.strip()
    mpp = positive(properties.get("aperio.MPP"))
    if mpp is not None:
        properties["openslide.mpp-x"] = properties["openslide.mpp-y"] = str(mpp)
    power = positive(properties.get("aperio.AppMag"))
    if power is not None:
        properties["openslide.objective-power"] = f"{power:g}"
    return _structure("aperio", levels, [name for name in names if name], properties)


def _second_line(description: str) -> str:
    """Return the first word of the second line: ``label`` of ``label 387x463``."""
    lines = description.splitlines()
    return (lines[1].split() or [""])[0] if len(lines) > 1 else ""


def _generic(pages: Sequence[Any]) -> Structure:
    """Take the first page and its reduced versions for levels."""
    first = pages[0]
    reduced = [page for page in pages[1:] if page.subfiletype & REDUCED]
    return _structure(
        GENERIC, _pyramid(first, [*reduced, *_sub_pages(first)]), [], _tag_properties(first)
    )


def _ome(pages: Sequence[Any]) -> Structure:
    """Take the first image of an OME-TIFF; its smaller versions hang below its page."""
    slide = read_ome(pages[0].description)
    page = pages[slide.page]
    properties = {**_tag_properties(page), **slide.properties}
    return _structure("ome-tiff", _pyramid(page, _sub_pages(page)), slide.others, properties)


def _structure(
    vendor: str, images: tuple[TiledImage, ...], associated: Sequence[str], found: dict[str, str]
) -> Structure:
    properties = {"openslide.vendor": vendor, **found}
    return Structure(images, tuple(sorted(associated)), properties)


def _sub_pages(page: Any) -> list[Any]:
    """Return the pages that hang below a page."""
    return _bounded(page.pages) if SUB_IFDS in page.tags else []


def _bounded(pages: Iterable[Any]) -> list[Any]:
    """Return pages, unless they or the tables of their tiles are more than any slide has.

    In a hostile file many pages may share one large table, which is read for each.
    """
    found: list[Any] = []
    tiles = 0
    for page in pages:
        found.append(page)
        tiles += len(page.dataoffsets)
        if len(found) > MOST_PAGES or tiles > MOST_TILES:
            raise DeclinedError(f"more than {MOST_PAGES} pages or {MOST_TILES} tiles")
    return found


def _pyramid(first: Any, smaller: Sequence[Any]) -> tuple[TiledImage, ...]:
    """Return a page and those of the others that show the same in fewer pixels."""
    finest = tiled_image(first)

    def same_view(image: TiledImage) -> bool:
        # Sizes are rounded to whole pixels: a small level may be off by one.
        across, down = finest.width / image.width, finest.height / image.height
        slack = ASPECT + 1 / min(image.width, image.height)
        return across > 1 and abs(across / down - 1) < slack

    alike = [tiled_image(page) for page in smaller if page.is_tiled == first.is_tiled]
    levels = [image for image in alike if same_view(image)]
    return (finest, *sorted(levels, key=lambda image: -image.width))


def _tag_properties(page: Any) -> dict[str, str]:
    """Return description and resolution under OpenSlide's names."""
    x, y = (_quotient(page.tags.valueof(tag)) for tag in (X_RESOLUTION, Y_RESOLUTION))
    return {
        "tiff.ImageDescription": page.description,
        **resolution_properties(x, y, page.tags.valueof(RESOLUTION_UNIT)),
    }


def _quotient(pair: tuple[int, int] | None) -> float | None:
    return pair[0] / pair[1] if pair is not None and pair[1] else None
