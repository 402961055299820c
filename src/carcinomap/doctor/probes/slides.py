"""What reads slides: each decoder decodes a tile, each reader reads a slide of some pixels."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from struct import pack
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from carcinomap.doctor.line import Check, Line, reinstall
from carcinomap.doctor.requirements import installed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE = 64  # pixels of a tile
COLOUR = (200, 120, 180)
CLOSE = 12  # grey levels by which a lossy decoder may be off
BIN = "openslide-bin"
OPENSLIDE = reinstall("openslide-python", BIN)
CODECS = reinstall("imagecodecs")
DICOM_SINCE = 4  # OpenSlide's version

# DICOM, part 10: what such a file begins with, and the class of whole-slide images.
WHOLE_SLIDE = b"1.2.840.10008.5.1.4.1.1.77.1.6"
EXPLICIT_LITTLE_ENDIAN = b"1.2.840.10008.1.2.1"


def _openslide() -> Iterator[Line]:
    import numpy as np  # noqa: PLC0415 - may end the process
    import openslide  # noqa: PLC0415

    with _small_tiff() as path, openslide.OpenSlide(path) as slide:
        pixel = np.asarray(slide.read_region((0, 0), 0, (8, 8)).convert("RGB"))[4, 4]
    if not _is_right(pixel):
        raise ValueError(f"it reads the colour {pixel} where {COLOUR} is")
    library, package = openslide.__library_version__, installed(BIN)
    said = f"{library} (Python part {openslide.__version__})"
    if package is None:
        advice = f"pip install {BIN} brings one that is known to be whole"
        yield Line("OpenSlide", "note", f"{said}, the system's", advice)
    elif not package.startswith(library):
        said = f"{said} is loaded, though {BIN} {package} is installed"
        yield Line("OpenSlide", "note", said, OPENSLIDE)
    else:
        yield Line("OpenSlide", "ok", said, facts={"version": library})


def _dicom() -> Iterator[Line]:
    import openslide  # noqa: PLC0415 - may end the process

    with TemporaryDirectory() as folder:
        path = Path(folder, "slide.dcm")
        path.write_bytes(dicom_start())
        vendor = openslide.OpenSlide.detect_format(path)
    if vendor == "dicom":
        yield Line("DICOM slides", "ok", "OpenSlide knows them")
    else:
        said = f"this OpenSlide does not know them; version {DICOM_SINCE} does"
        yield Line("DICOM slides", "absent", said, OPENSLIDE)


def dicom_start() -> bytes:
    """Return the beginning of a DICOM file that says it is a slide; there are no pixels."""
    told = _element(1, b"OB", b"\0\1")
    told += _element(2, b"UI", WHOLE_SLIDE) + _element(3, b"UI", b"1.2.3")
    told += _element(16, b"UI", EXPLICIT_LITTLE_ENDIAN)
    return b"\0" * 128 + b"DICM" + _element(0, b"UL", pack("<I", len(told))) + told


def _element(number: int, kind: bytes, value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    length = pack("<HI", 0, len(value)) if kind == b"OB" else pack("<H", len(value))
    return pack("<HH2s", 2, number, kind) + length + value


def _tiff() -> Iterator[Line]:
    from carcinomap.slide import open_slide  # noqa: PLC0415 - may end the process

    with _small_tiff() as path, open_slide(path, mpp=0.5) as slide:
        pixel = slide.read(0, 0, 8, 8, 0.5)[4, 4]
    if not _is_right(pixel):
        raise ValueError(f"it reads the colour {pixel} where {COLOUR} is")
    yield Line("TIFF slides", "ok", "read by carcinomap itself")


def _decodes(name: str, compression: int) -> Iterator[Line]:
    import imagecodecs  # noqa: PLC0415 - may end the process
    import numpy as np  # noqa: PLC0415

    from carcinomap.slide.readers.tiff_codec import Colour, TileCodec  # noqa: PLC0415

    encode: dict[str, Callable[..., bytes | bytearray]] = {
        "JPEG": partial(imagecodecs.jpeg8_encode, colorspace="RGB", outcolorspace="RGB"),
        "JPEG 2000": imagecodecs.jpeg2k_encode,
        "WebP": partial(imagecodecs.webp_encode, lossless=True),
    }
    tile = np.full((SIDE, SIDE, 3), COLOUR, np.uint8)
    pixels = TileCodec(compression, Colour.RGB, SIDE, SIDE).decode(bytes(encode[name](tile)))
    if not _is_right(pixels[SIDE // 2, SIDE // 2]):
        raise ValueError(f"it decodes {COLOUR} to {pixels[SIDE // 2, SIDE // 2]}")
    yield Line(f"{name} tiles", "ok", "decoded by imagecodecs")


@contextmanager
def _small_tiff() -> Iterator[Path]:
    """Write a tiled TIFF of one colour for the time of the block."""
    import numpy as np  # noqa: PLC0415 - may end the process
    import tifffile  # noqa: PLC0415

    with TemporaryDirectory() as folder:
        path = Path(folder, "slide.tif")
        image = np.full((2 * SIDE, 2 * SIDE, 3), COLOUR, np.uint8)
        tifffile.imwrite(path, image, tile=(SIDE, SIDE), photometric="rgb")
        yield path


def _is_right(pixel: "NDArray[np.uint8]") -> bool:
    return all(abs(int(a) - b) <= CLOSE for a, b in zip(pixel, COLOUR, strict=True))


CHECKS = (
    Check("OpenSlide", _openslide, OPENSLIDE),
    Check("DICOM slides", _dicom, OPENSLIDE, needed=False),
    Check("TIFF slides", _tiff, reinstall("tifffile", "imagecodecs")),
    *(
        Check(f"{name} tiles", partial(_decodes, name, number), CODECS)
        for name, number in {"JPEG": 7, "JPEG 2000": 34712, "WebP": 50001}.items()
    ),
)
