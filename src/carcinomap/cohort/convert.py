"""Annotations from one format to another, with what is lost on the way."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from carcinomap.annotation import (
    ANNOTATION_SUFFIXES,
    IGNORE,
    Annotation,
    AnnotationSet,
    ClassScheme,
    FileContext,
    Format,
    LabelImage,
    SlideFrame,
    format_of,
    format_to_write,
    read_annotations,
    write_annotations,
)
from carcinomap.cohort.case import Case
from carcinomap.cohort.names import bare_name
from carcinomap.cohort.pairing import slide_of
from carcinomap.errors import InputError, existing_file
from carcinomap.slide import check_mpp, visible_files
from carcinomap.storage import AnyPath


@dataclass(frozen=True)
class Conversion:
    """One file that was converted.

    Attributes:
        source: The file read.
        target: The file written.
        formats: Names of the two formats.
        slide: The slide they lie on, where it was found.
        labels: Every label with the number of its regions.
        left_out: What of the source is no area, and what was repaired, a line for each.
        lost: What the target's format could not hold, a line for each kind of thing; of a label
            image, what its values mean.
    """

    source: Path
    target: Path
    formats: tuple[str, str]
    slide: AnyPath | None
    labels: dict[str, int]
    left_out: tuple[str, ...]
    lost: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "source": str(self.source),
            "target": str(self.target),
            "formats": list(self.formats),
            "slide": str(self.slide) if self.slide else None,
            "labels": self.labels,
            "left_out": list(self.left_out),
            "lost": list(self.lost),
        }


def files_to_convert(source: Path, target: Path, suffix: str | None) -> list[tuple[Path, Path]]:
    """Return (file to read, file to write): one, or all annotations below a folder.

    Args:
        source: An annotation file, or a folder of them.
        target: A file to write; of a folder, a folder.
        suffix: What the names of a folder's files shall end in.

    Raises:
        InputError: There is nothing to convert, or it is not said into what.
    """
    if not source.is_dir():
        return [(existing_file(source, "annotation file"), target)]
    if suffix is None:
        raise InputError(f"{source}: a folder; say with --to which format its files shall get")
    if target.is_file():
        raise InputError(f"{target}: a file, where the annotations of a folder need a folder")
    files = (file for file in visible_files(source) if isinstance(file, Path))
    found = [file for file in files if _is_annotation(file)]
    if not found:
        raise InputError(f"{source}: no annotations there")
    places = [
        target / file.relative_to(source).with_name(bare_name(file) + suffix) for file in found
    ]
    twice = [place for place, count in Counter(places).items() if count > 1]
    if twice:
        raise InputError(f"{source}: several annotations would become {twice[0]}; convert one")
    return list(zip(found, places, strict=True))


def convert_annotations(
    source: Path,
    target: Path,
    to: Format | None = None,
    slides: Path | None = None,
    scheme: ClassScheme | None = None,
    mpp: float | None = None,
    even_odd_holes: bool = False,
    overwrite: bool = False,
) -> Conversion:
    """Read an annotation file and write it in another format.

    Args:
        source: The file to read, in any format.
        target: The file to write.
        to: Its format; None takes the one of its name.
        slides: The slide, or the folder where the slide of the source's name lies; None looks
            beside the source. Formats that need the slide say so where there is none.
        scheme: Gives regions the colours of their classes, and label images their values; BACH's
            classes give values where None.
        mpp: Microns per pixel of a label image that is written; None takes the slide's own.
        even_odd_holes: Read nested regions as holes.
        overwrite: Replace the target where it exists.

    Raises:
        InputError: The source cannot be read, the target is there already or its format cannot
            be written, one of the formats needs a slide and there is none, or the mpp cannot
            be one.
    """
    check_mpp(mpp)
    to = to or format_to_write(target)
    if target.exists() and not overwrite:
        raise InputError(f"{target}: is there already; --overwrite replaces it")
    slide = slide_of(source, slides)
    found = format_of(source)
    frame = Case(slide).frame() if slide is not None else None
    annotations = _polygons(source, frame, even_odd_holes, scheme)
    context = FileContext(frame=frame, scheme=scheme or ClassScheme.default(), mpp=mpp)
    lost = write_annotations(_coloured(annotations, scheme), target, context, to)
    return Conversion(
        source,
        target,
        (found.name if found else "", to.name),
        slide,
        annotations.labels(),
        tuple(note.message for note in annotations.notes if note.kind != "hole"),
        tuple(lost),
    )


def _polygons(
    source: Path, frame: SlideFrame | None, even_odd_holes: bool, scheme: ClassScheme | None
) -> AnnotationSet:
    """Read a file; trace it where it is a label image."""
    read = read_annotations(source, FileContext(frame, even_odd_holes))
    return read.traced(scheme or ClassScheme.default()) if isinstance(read, LabelImage) else read


def _coloured(annotations: AnnotationSet, scheme: ClassScheme | None) -> AnnotationSet:
    """Return the annotations in the colours of their classes."""
    if scheme is None:
        return annotations

    def coloured(one: Annotation) -> Annotation:
        index = scheme.index(one.label)
        if index is None or index == IGNORE:
            return one
        return replace(one, colour=scheme.classes[index].colour)

    return replace(annotations, annotations=tuple(map(coloured, annotations.annotations)))


def _is_annotation(file: Path) -> bool:
    if file.suffix.lower() not in ANNOTATION_SUFFIXES:
        return False
    # A link to what is gone may be of one; that it is gone is told where it is to be converted.
    return not file.exists() or format_of(file) is not None
