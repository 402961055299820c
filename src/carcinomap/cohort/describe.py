"""What a slide and its annotation hold, in numbers for people."""

from collections import Counter
from pathlib import Path
from typing import Any

from PIL import Image

from carcinomap.annotation import Annotations, ClassScheme, FileContext, read_annotations
from carcinomap.cohort.case import Case
from carcinomap.cohort.checking.slides import read_every_level
from carcinomap.cohort.frame import frame_of
from carcinomap.cohort.pairing import slide_of
from carcinomap.cohort.reading import read_cohort
from carcinomap.errors import InputError
from carcinomap.files import atomic_path
from carcinomap.slide import (
    MissingMppError,
    Slide,
    TissueMask,
    check_mpp,
    find_artefacts,
    find_tissue,
    open_slide,
)
from carcinomap.storage import AnyPath


def describe_slide(
    path: AnyPath,
    scheme: ClassScheme | None = None,
    mpp: float | None = None,
    pictures: Path | None = None,
) -> dict[str, Any]:
    """Describe a slide, with the annotation of the same name beside it.

    Its pixels are read: the tissue is looked for, and a piece of every level decoded.

    Args:
        path: The slide.
        scheme: The classes of the annotation; BACH's four where None.
        mpp: Microns per level-0 pixel, overriding the file's.
        pictures: Folder for a picture ``NAME.png`` of the slide with its tissue outlined and its
            artefacts tinted; None looks for no artefacts.

    Raises:
        InputError: The slide cannot be opened or read. A slide that lacks its mpp is described
            all the same, without areas in mm².
    """
    known = True
    try:
        slide = open_slide(path, mpp)
    except MissingMppError:
        known, slide = False, open_slide(path, 1.0)
    with slide:
        read_every_level(slide)
        tissue = find_tissue(slide)
        share = min(1.0, tissue.area_mm2 / slide.area_mm2)  # cells of the mask reach beyond
        about: dict[str, Any] = {
            "vendor": slide.vendor,
            "read_by": slide.reader,
            "size": f"{slide.width} × {slide.height} pixels",
            "mpp": slide.mpp if known else "not in the file; give it with --mpp",
            "mpp_from": slide.mpp_source if known else None,
            "objective": slide.objective_note if known else slide.objective,
            "levels": [
                f"{level.width} × {level.height} (1 / {level.downsample:g})"
                for level in slide.levels
            ],
            "associated_images": ", ".join(slide.associated_images()) or "none",
            "tissue": f"{share:.1%} of the slide"
            + (f", {tissue.area_mm2:.2f} mm²" if known else ""),
        }
        if pictures is not None:
            about |= _quality(slide, tissue, pictures)
        annotation = read_cohort(path).cases[0].annotation
        if annotation is not None:
            read = Case(path).read_annotation_file(annotation, frame_of(slide, known))
            about["annotation"] = _annotation(read, scheme, slide.mpp if known else None)
    return about


def _quality(slide: Slide, tissue: TissueMask, folder: Path) -> dict[str, Any]:
    """Look for artefacts; write the picture of what was found."""
    from carcinomap.slide.tissue.picture import tissue_picture  # noqa: PLC0415 - slow to import

    quality = find_artefacts(slide, tissue)
    target = folder / f"{slide.name}.png"
    with atomic_path(target) as temporary:
        Image.fromarray(tissue_picture(slide, tissue, quality)).save(temporary)
    shares = {
        str(kind.name).lower(): f"{share:.1%}" for kind, share in quality.shares(tissue).items()
    }
    return {"artefacts": shares, "picture": str(target)}


def describe_annotation(
    path: Path, scheme: ClassScheme | None = None, mpp: float | None = None
) -> dict[str, Any]:
    """Describe an annotation file: labels, area of each class, and all that was not simply read.

    Args:
        path: The file; the slide of the same name beside it is looked at, where there is one.
        scheme: The classes; BACH's four where None.
        mpp: Microns per level-0 pixel, overriding the slide's; without any, areas are in pixels.

    Raises:
        InputError: The file cannot be read, or the mpp cannot be one.
    """
    check_mpp(mpp)
    slide = slide_of(path)
    frame = Case(slide).frame() if slide is not None else None
    if mpp is None and frame is not None:
        mpp = frame.mpp
    return _annotation(read_annotations(path, FileContext(frame)), scheme, mpp)


def _annotation(
    annotations: Annotations, scheme: ClassScheme | None, mpp: float | None
) -> dict[str, Any]:
    about: dict[str, Any] = {
        "source": str(annotations.source),
        "regions": annotations.regions,
        "labels": {label or "(no label)": count for label, count in annotations.labels().items()},
    }
    about |= _areas(annotations, scheme or ClassScheme.default(), mpp)
    if mpp is not None and annotations.mpp is not None and abs(annotations.mpp / mpp - 1) > 0.01:
        about["warning"] = (
            f"the annotation says {annotations.mpp:g} microns per pixel, the slide {mpp:g}"
        )
    kinds = Counter[str]()
    for note in annotations.notes:
        kinds[note.kind] += note.count
    about["not_simply_areas"] = dict(sorted(kinds.items()))
    about["notes"] = [note.message for note in annotations.notes]
    return about


def _areas(annotations: Annotations, scheme: ClassScheme, mpp: float | None) -> dict[str, Any]:
    """Return the area of every class that has one, in mm² where the mpp is known."""
    try:
        areas = annotations.areas(scheme)
    except InputError as error:
        return {"areas": str(error)}
    if mpp is None:
        return {"areas_px": {name: round(area) for name, area in areas.items() if area}}
    return {"areas_mm2": {n: round(a * mpp**2 / 1e6, 4) for n, a in areas.items() if a}}
