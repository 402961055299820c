"""Whose TIFF a slide is, by the tags of its first page.

The rules are those of OpenSlide (openslide.org/formats), which needs a file on a disk to be asked;
a little wider, where it looks at more than tags. What only it can read is to be left to it.
"""

from typing import Any

SOFTWARE, MAKE, XMP, NDPI = 305, 271, 700, 65420
DICOM_MARK = slice(128, 132)  # of a file that is DICOM and TIFF at once
LEICA = "http://www.leica-microsystems.com/scn/2010/"


def vendor_of(page: Any) -> str | None:
    """Return the vendor as OpenSlide names it; None of a plain TIFF or an OME-TIFF.

    Args:
        page: The first page as tifffile sees it.
    """
    about, software, make, xmp = (
        page.description,
        *(_text(page.tags.valueof(tag)) for tag in (SOFTWARE, MAKE, XMP)),
    )
    signs = {
        "aperio": page.is_tiled and about.startswith("Aperio"),
        "hamamatsu": NDPI in page.tags,
        "huron": page.is_tiled and make.startswith("Huron"),
        "leica": page.is_tiled and LEICA in about,
        "philips": software.startswith("Philips") and "DPUfsImport" in about,
        "trestle": software.startswith("MedScan") and bool(about),
        "ventana": "iScan" in xmp,
    }
    return next((vendor for vendor, sign in signs.items() if sign), None)


def is_dicom(start: bytes) -> bool:
    """Say whether a file that begins as TIFF is also DICOM."""
    return start[DICOM_MARK] == b"DICM"


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value or "")
