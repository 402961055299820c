"""What a slide and its annotation hold, in numbers for people."""

from collections import Counter
from pathlib import Path
from typing import Any

from carcinomap.annotation import AnnotationSet, ClassScheme, read_annotations
from carcinomap.cohort.reading import read_cohort
from carcinomap.errors import InputError
from carcinomap.slide import MissingMppError, Slide, find_tissue, open_slide


def describe_slide(
    path: Path, scheme: ClassScheme | None = None, mpp: float | None = None
) -> dict[str, Any]:
    """Describe a slide, with the annotation of the same name beside it.

    Its pixels are read: the tissue is looked for, and a piece of every level decoded.

    Args:
        path: The slide.
        scheme: The classes of the annotation; BACH's four where None.
        mpp: Microns per level-0 pixel, overriding the file's.

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
        _read_every_level(slide)
        tissue = find_tissue(slide)
        share = tissue.area_mm2 / slide.area_mm2
        about: dict[str, Any] = {
            "vendor": slide.vendor,
            "size": f"{slide.width} × {slide.height} pixels",
            "mpp": slide.mpp if known else "not in the file; give it with --mpp",
            "objective": f"{slide.objective}x" if slide.objective else None,
            "levels": [
                f"{level.width} × {level.height} (1 / {level.downsample:g})"
                for level in slide.levels
            ],
            "associated_images": ", ".join(slide.associated_images()) or "none",
            "tissue": f"{share:.1%} of the slide"
            + (f", {tissue.area_mm2:.2f} mm²" if known else ""),
        }
        annotation = read_cohort(path).cases[0].annotation
        if annotation is not None:
            about["annotation"] = describe_annotation(
                annotation, scheme, slide.mpp if known else None
            )
    return about


def describe_annotation(
    path: Path, scheme: ClassScheme | None = None, mpp: float | None = None
) -> dict[str, Any]:
    """Describe an annotation file: labels, area of each class, and all that was not simply read.

    Args:
        path: The file.
        scheme: The classes; BACH's four where None.
        mpp: Microns per level-0 pixel of the slide; without it areas are in pixels.

    Raises:
        InputError: The file cannot be read.
    """
    annotations = read_annotations(path)
    about: dict[str, Any] = {
        "source": str(path),
        "regions": annotations.regions,
        "labels": {label or "(no label)": count for label, count in annotations.labels().items()},
    }
    about |= _areas(annotations, scheme or ClassScheme.default(), mpp)
    if mpp is not None and annotations.mpp is not None and abs(annotations.mpp / mpp - 1) > 0.01:
        about["warning"] = (
            f"the annotation says {annotations.mpp:g} microns per pixel, the slide {mpp:g}"
        )
    kinds = Counter(note.kind for note in annotations.notes)
    about["not_simply_areas"] = dict(sorted(kinds.items()))
    about["notes"] = [note.message for note in annotations.notes]
    return about


def _areas(annotations: AnnotationSet, scheme: ClassScheme, mpp: float | None) -> dict[str, Any]:
    """Return the area of every class that has one, in mm² where the mpp is known."""
    try:
        areas = annotations.areas(scheme)
    except InputError as error:
        return {"areas": str(error)}
    if mpp is None:
        return {"areas_px": {name: round(area) for name, area in areas.items() if area}}
    return {"areas_mm2": {n: round(a * mpp**2 / 1e6, 4) for n, a in areas.items() if a}}


def _read_every_level(slide: Slide) -> None:
    """Decode a piece from the middle of every level: some broken files fail only there."""
    for level in slide.levels:
        mpp = slide.mpp * level.downsample
        side = min(256, level.width, level.height)
        half = side * level.downsample / 2
        slide.read(slide.width / 2 - half, slide.height / 2 - half, side, side, mpp)
