"""What the XML of an OME-TIFF says about its slide."""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from carcinomap.slide.readers.pixel_size import positive
from carcinomap.slide.readers.reader import DeclinedError, RefusedError

LONGEST = 16_000_000  # characters of XML
# Units of length, in µm; OME means µm where it names none.
UNITS = {"nm": 1e-3, "µm": 1.0, "μm": 1.0, "um": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6}


@dataclass(frozen=True)
class OmeSlide:
    """The first image of an OME-TIFF.

    Attributes:
        page: Index of its page.
        properties: Pixel size and objective under OpenSlide's names, where told.
        others: Names of the file's other images.
    """

    page: int
    properties: dict[str, str]
    others: tuple[str, ...]


def is_ome(description: str) -> bool:
    """Say whether the description of a TIFF's first page is that of an OME-TIFF."""
    return description.rstrip("\0 \r\n\t")[-10:].endswith("OME>")


def read_ome(description: str) -> OmeSlide:
    """Read the description of an OME-TIFF's first page.

    Args:
        description: The XML.

    Raises:
        DeclinedError: It is no XML that could be understood.
        RefusedError: It is understood, and the file holds no image in red, green and blue.
    """
    if len(description) > LONGEST:
        raise DeclinedError(f"{len(description)} characters of OME-XML")
    try:
        return _first_image(fromstring(description.strip("\0 \r\n\t").encode()))
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise DeclinedError(f"its OME-XML cannot be read ({error})") from error


def _first_image(root: Element) -> OmeSlide:
    images = list(_children(root, "Image"))
    pixels = next((p for image in images[:1] for p in _children(image, "Pixels")), None)
    if pixels is None:
        raise DeclinedError("its OME-XML describes no image; the pixels may lie in another file")
    _check(pixels)
    properties = {}
    for axis in "XY":
        size = positive(pixels.get(f"PhysicalSize{axis}"))
        unit = UNITS.get(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        if size is not None and unit is not None:
            properties[f"openslide.mpp-{axis.lower()}"] = f"{size * unit:.9g}"
    power = next((e.get("NominalMagnification") for e in _named(root, "Objective")), None)
    if positive(power) is not None:
        properties["openslide.objective-power"] = f"{positive(power):g}"
    return OmeSlide(
        page=next((int(data.get("IFD", 0)) for data in _children(pixels, "TiffData")), 0),
        properties=properties,
        others=tuple(image.get("Name") or f"image {i}" for i, image in enumerate(images[1:], 1)),
    )


def _check(pixels: Element) -> None:
    """Refuse what another reader would take and show one channel or plane of."""
    kind = pixels.get("Type", "uint8")
    if kind != "uint8":
        raise RefusedError(f"an image of type {kind}; slides have 8 bits per colour")
    planes = [int(pixels.get(f"Size{axis}", 1)) for axis in "ZT"]
    if planes != [1, 1]:
        raise RefusedError(f"a stack of {planes[0]} planes at {planes[1]} times; a slide has one")
    channels = [int(channel.get("SamplesPerPixel", 1)) for channel in _children(pixels, "Channel")]
    count = int(pixels.get("SizeC", 1))
    if count not in (1, 3, 4) or (count > 1 and channels != [count]):
        raise RefusedError(
            f"{count} channels, each an image of its own, as in fluorescence; slides are "
            "in red, green and blue (write the file with its colours interleaved)"
        )


def _children(element: Element, name: str) -> Iterator[Element]:
    return (child for child in element if _local(child) == name)


def _named(element: Element, name: str) -> Iterator[Element]:
    return (descendant for descendant in element.iter() if _local(descendant) == name)


def _local(element: Element) -> str:
    """Return an element's name without its namespace, which differs from year to year."""
    return str(element.tag).rpartition("}")[2]
