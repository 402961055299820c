"""What a folder of planes says of itself: an image of OME-NGFF 0.4, on Zarr version 2.

0.4 and blosc are what every viewer reads: the Zarr reader of Bio-Formats, and with it QuPath,
knows no 0.5 and no gzip or zstd; others know no zlib. From NGFF's own metadata Bio-Formats takes
no names, colours and pixel sizes, only from an OME-XML beside them, as QuPath itself writes one.
"""

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from xml.etree import ElementTree

from carcinomap.errors import InputError
from carcinomap.segmentation.mapping.plan import CELL
from carcinomap.segmentation.results.pyramid import level_sizes
from carcinomap.version import __version__

LARGEST_METADATA = 1_000_000  # bytes
LARGEST_SIDE = 2**31 - 1  # pixels
MOST_CHANNELS = 256
VALUES = "round(255 * value), 0 where nothing is mapped; coarser levels are means"

CODEC, LEVEL, SHUFFLE_BITS = "zstd", 1, 2
"""What blosc does; fixed, since the same planes must give the same bytes."""

_OME = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_GROUP = {"zarr_format": 2}


@dataclass(frozen=True)
class Channel:
    """One plane.

    Attributes:
        name: The class, or what else is shown.
        colour: ``#rrggbb``.
    """

    name: str
    colour: str


@dataclass(frozen=True)
class Header:
    """What is known of an image of planes besides its pixels.

    Attributes:
        width: In map pixels.
        height: In map pixels.
        mpp: Microns per map pixel.
        channels: Names and colours of the planes.
        name: Of the image, the slide's.
    """

    width: int
    height: int
    mpp: float
    channels: tuple[Channel, ...]
    name: str

    @property
    def levels(self) -> int:
        """Number of levels of the pyramid."""
        return len(level_sizes(self.width, self.height))

    def write(self, folder: Path) -> None:
        """Write all metadata; what was there is replaced."""
        for number, (width, height) in enumerate(level_sizes(self.width, self.height)):
            _write_json(folder / str(number) / ".zarray", self._array(width, height))
        _write_json(folder / "OME" / ".zgroup", _GROUP)
        (folder / "OME" / "METADATA.ome.xml").write_bytes(self._ome_xml())
        _write_json(folder / ".zgroup", _GROUP)
        _write_json(folder / ".zattrs", self._attributes())

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the metadata of a folder that carcinomap wrote, trusting nothing in it.

        Raises:
            InputError: There is no such folder, or it is no such image.
        """
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder of planes")
        try:
            return cls._parsed(_read_json(folder / ".zattrs"), _read_json(folder / "0" / ".zarray"))
        except (LookupError, TypeError, ValueError, OverflowError, RecursionError) as error:
            # Cut short: it may quote what stands there.
            reason = str(error)[:100] or type(error).__name__
            raise InputError(
                f"{folder}: not an OME-Zarr image made by carcinomap ({reason})"
            ) from error

    @classmethod
    def _parsed(cls, attributes: Any, array: Any) -> Self:
        if "carcinomap" not in attributes:
            raise ValueError("its metadata does not say so")
        channels, height, width = array["shape"]
        limits = (MOST_CHANNELS, LARGEST_SIDE, LARGEST_SIDE)
        for length, most in zip((channels, height, width), limits, strict=True):
            if not (isinstance(length, int) and 0 < length <= most):
                raise ValueError("its shape is none")
        image, shown = attributes["multiscales"][0], attributes["omero"]["channels"]
        mpp = float(image["datasets"][0]["coordinateTransformations"][0]["scale"][2])
        if not (math.isfinite(mpp) and mpp > 0):
            raise ValueError(f"its pixels are {mpp} µm wide")
        names = [Channel(str(one["label"]), f"#{one['color']}") for one in shown]
        if len(names) != channels or not all(_COLOUR.fullmatch(one.colour) for one in names):
            raise ValueError("its names and colours do not fit its channels")
        header = cls(width, height, mpp, tuple(names), str(image["name"]))
        expected = header._array(width, height)
        # What blosc did to a chunk stands in the chunk.
        expected["compressor"] = {**array["compressor"], "id": "blosc"}
        if array != expected:
            raise ValueError("its pixels are stored in another way")
        return header

    def _array(self, width: int, height: int) -> dict[str, Any]:
        return {
            "zarr_format": 2,
            "shape": [len(self.channels), height, width],
            # All channels in one chunk: a file each would be several times as many files.
            "chunks": [len(self.channels), CELL, CELL],
            "dtype": "|u1",
            "compressor": {
                "id": "blosc",
                "cname": CODEC,
                "clevel": LEVEL,
                "shuffle": SHUFFLE_BITS,
                "blocksize": 0,
            },
            "fill_value": 0,
            "filters": None,
            "order": "C",
            "dimension_separator": "/",
        }

    def _attributes(self) -> dict[str, Any]:
        axes = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "yx"]
        image = {
            "version": "0.4",
            "name": self.name,
            "axes": [{"name": "c", "type": "channel"}, *axes],
            "datasets": [self._dataset(level) for level in range(self.levels)],
            "type": "mean",
            "metadata": {"description": f"uint8 = {VALUES}"},
        }
        return {
            "multiscales": [image],
            "omero": {
                "version": "0.4",
                "name": self.name,
                "channels": [_shown(channel) for channel in self.channels],
                "rdefs": {"model": "color"},
            },
            "carcinomap": {"version": __version__, "values": VALUES},
        }

    def _dataset(self, level: int) -> dict[str, Any]:
        """Place a level: positions are those of pixel centres, from that of level 0's first."""
        scale = self.mpp * 2**level
        shift = (scale - self.mpp) / 2
        return {
            "path": str(level),
            "coordinateTransformations": [
                {"type": "scale", "scale": [1.0, scale, scale]},
                {"type": "translation", "translation": [0.0, shift, shift]},
            ],
        }

    def _ome_xml(self) -> bytes:
        root = ElementTree.Element("OME", xmlns=_OME, Creator=f"carcinomap {__version__}")
        image = ElementTree.SubElement(root, "Image", ID="Image:0", Name=self.name)
        sizes = {"SizeX": self.width, "SizeY": self.height, "SizeC": len(self.channels)}
        pixels = ElementTree.SubElement(
            image, "Pixels", ID="Pixels:0", DimensionOrder="XYCZT", Type="uint8"
        )
        for key, size in {**sizes, "SizeZ": 1, "SizeT": 1}.items():
            pixels.set(key, str(size))
        for key in ("PhysicalSizeX", "PhysicalSizeY"):
            pixels.set(key, repr(self.mpp))
            pixels.set(f"{key}Unit", "µm")
        for number, channel in enumerate(self.channels):
            about = {"ID": f"Channel:0:{number}", "Name": channel.name, "SamplesPerPixel": "1"}
            ElementTree.SubElement(pixels, "Channel", about, Color=str(_rgba(channel.colour)))
        ElementTree.SubElement(pixels, "MetadataOnly")
        ElementTree.indent(root)
        return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _shown(channel: Channel) -> dict[str, Any]:
    """Return how viewers are to show a channel."""
    return {
        "label": channel.name,
        "color": channel.colour.removeprefix("#"),
        "active": True,
        "inverted": False,
        "family": "linear",
        "window": {"min": 0, "max": 255, "start": 0, "end": 255},
    }


def _rgba(colour: str) -> int:
    """Return a colour as OME-XML holds it: opaque RGBA in a signed 32-bit number."""
    return int.from_bytes(bytes.fromhex(f"{colour.removeprefix('#')}ff"), signed=True)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8", newline="\n")


def _read_json(path: Path) -> Any:
    if not path.is_file():
        raise ValueError(f"there is no {path.name}")
    if path.stat().st_size > LARGEST_METADATA:
        raise ValueError(f"its {path.name} is too large")
    return json.loads(path.read_text(encoding="utf-8"))
