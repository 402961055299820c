"""Draw annotations as a label image: tiled TIFF of any size, or PNG."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import shapely
import tifffile

from carcinomap.annotation.annotations import Annotation, AnnotationSet
from carcinomap.annotation.formats.contract import FileContext
from carcinomap.annotation.frame import SlideFrame
from carcinomap.annotation.label_images.label_values import FileValues, values_line
from carcinomap.annotation.scheme import IGNORE, ClassScheme
from carcinomap.errors import InputError
from carcinomap.progress import progress
from carcinomap.version import __version__

TILE = 512
LARGEST_PNG = 1 << 28  # pixels: it is put together in memory
_BIG = 3_500_000_000  # pixels beyond which classic TIFF's 32-bit offsets might not do
_MICRONS_PER_CENTIMETRE = 10_000
_INTERIORS_MEET = "T********"  # of DE-9IM


def write_label_image(path: Path, annotations: AnnotationSet, context: FileContext) -> list[str]:
    """Draw annotations over their whole slide, at ``context.mpp`` or the slide's own.

    A class has the value that ``context.scheme`` gives it, or its index; what is ignored has the
    value of an ignored label, or 255.

    Returns:
        What pixels cannot hold, and last the values that were used.

    Raises:
        InputError: Slide or scheme are missing or give no value to a class, or the image is too
            large for a PNG.
    """
    if context.scheme is None:
        raise InputError("a label image is drawn with the classes of a classes.yaml (--classes)")
    if context.frame is None:
        raise InputError("a label image covers its whole slide; which slide is it?")
    annotations.check(context.scheme)
    pens = _Pens.of(annotations, context.scheme)
    canvas = _Canvas.of(context.frame, context.mpp)
    if path.suffix.lower() == ".png":
        _write_png(path, annotations, context.scheme, canvas, pens)
    else:
        _write_tiff(path, annotations, context.scheme, canvas, pens)
    return [*_lost(annotations, context.scheme), f"the pixels have {values_line(pens.labels)}"]


@dataclass(frozen=True)
class _Canvas:
    """The image to be written: its size, level-0 pixels per pixel of it, and its mpp."""

    width: int
    height: int
    scale: float
    mpp: float | None

    @classmethod
    def of(cls, frame: SlideFrame, mpp: float | None) -> "_Canvas":
        """Cover a slide at some microns per pixel; None takes the slide's own."""
        if mpp is not None and frame.mpp is None:
            raise InputError("a label image of another mpp than its slide's needs the slide's mpp")
        scale = 1.0 if mpp is None or frame.mpp is None else mpp / frame.mpp
        width, height = (ceil(side / scale - 1e-6) for side in (frame.width, frame.height))
        return cls(width, height, scale, mpp or frame.mpp)

    def tiles(self) -> list[tuple[int, int]]:
        """Return the upper left corner (x, y) of every tile, in TIFF's order."""
        return [(x, y) for y in range(0, self.height, TILE) for x in range(0, self.width, TILE)]

    def draw(
        self, annotations: AnnotationSet, scheme: ClassScheme, pens: "_Pens"
    ) -> Iterator[npt.NDArray[np.uint8]]:
        """Yield every tile as pixel values, uint8 (TILE, TILE)."""
        corners = self.tiles()
        with progress("draw", len(corners), "tiles") as advance:
            for x, y in corners:
                place = x * self.scale, y * self.scale
                yield pens.values[annotations.label_image(*place, TILE, TILE, self.scale, scheme)]
                advance()


@dataclass(frozen=True)
class _Pens:
    """Which value stands for what.

    Attributes:
        values: uint8 (256,): the value of every class index, and of ``IGNORE``.
        labels: What every value means.
    """

    values: npt.NDArray[np.uint8]
    labels: dict[int, str]

    @classmethod
    def of(cls, annotations: AnnotationSet, scheme: ClassScheme) -> "_Pens":
        """Turn the values of a scheme around; without any, a class has its index as its value."""
        labels = dict(scheme.values) or dict(enumerate(scheme.names))
        values: dict[int, int] = {}
        for value, label in labels.items():
            index = scheme.index(label)
            if index is not None:
                values.setdefault(index, value)
        used = {0} | {index for index, _ in annotations.polygons(scheme)}
        if annotations.regions_of_interest(scheme):
            used.add(IGNORE)
        if IGNORE in used and IGNORE not in values:
            values[IGNORE] = IGNORE
            ignored = scheme.ignore[0] if scheme.ignore else "unsure"
            if labels.setdefault(IGNORE, ignored) != ignored:
                raise InputError(
                    f"value {IGNORE} is to be {labels[IGNORE]!r}; give ignored pixels another one "
                    f"under `values:` in the classes.yaml, such as `254: {ignored}`"
                )
        missing = [scheme.names[index] for index in sorted(used - values.keys())]
        if missing:
            raise InputError(
                f"no pixel value for {', '.join(missing)} under `values:` in the classes.yaml"
            )
        if max(values.values()) > 255:
            raise InputError("pixel values beyond 255 cannot be written")
        table = np.zeros(256, np.uint8)
        for index, value in values.items():
            table[index] = value
        return cls(table, labels)


def _write_tiff(
    path: Path, annotations: AnnotationSet, scheme: ClassScheme, canvas: _Canvas, pens: _Pens
) -> None:
    size = None if canvas.mpp is None else (_MICRONS_PER_CENTIMETRE / canvas.mpp,) * 2
    with tifffile.TiffWriter(path, bigtiff=canvas.width * canvas.height > _BIG) as tiff:
        tiff.write(
            canvas.draw(annotations, scheme, pens),
            shape=(canvas.height, canvas.width),
            dtype=np.uint8,
            tile=(TILE, TILE),
            compression="adobe_deflate",
            photometric="minisblack",
            resolution=size,
            resolutionunit=None if size is None else "CENTIMETER",
            software=f"carcinomap {__version__}",
            description=FileValues.describe(pens.labels),
            metadata=None,
        )


def _write_png(
    path: Path, annotations: AnnotationSet, scheme: ClassScheme, canvas: _Canvas, pens: _Pens
) -> None:
    if canvas.width * canvas.height > LARGEST_PNG:
        raise InputError(
            f"{canvas.width:,} × {canvas.height:,} pixels are too many for a PNG; write a .tif, "
            "or at a larger --mpp"
        )
    pixels = np.empty((canvas.height, canvas.width), np.uint8)
    drawn = canvas.draw(annotations, scheme, pens)
    for (x, y), tile in zip(canvas.tiles(), drawn, strict=True):
        part = pixels[y : y + TILE, x : x + TILE]
        part[...] = tile[: part.shape[0], : part.shape[1]]
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


def _lost(annotations: AnnotationSet, scheme: ClassScheme) -> Iterator[str]:
    """Yield what pixel values cannot hold, a line for each kind of thing."""
    regions = annotations.annotations
    joined, covered = _meetings(annotations, scheme)
    own_colours = (one for one in regions if one.colour and one.colour != _colour(one, scheme))
    counts = {
        "the names of {} regions are lost": sum(bool(one.name) for one in regions),
        "the layers of {} regions are lost": sum(bool(one.layer) for one in regions),
        "the colours of {} regions are lost": sum(1 for _ in own_colours),
        "the labels of {} regions became their classes": sum(
            one.label not in scheme.names and not scheme.is_roi(one.label) for one in regions
        ),
        "{} regions touch others of their class, and became one with them": joined,
        "{} regions lie under later ones, and are lost there": covered,
        "{} regions of interest are lost; what is outside them is ignored": len(
            annotations.regions_of_interest(scheme)
        ),
    }
    yield from (line.format(f"{count:,}") for line, count in counts.items() if count)


def _colour(annotation: Annotation, scheme: ClassScheme) -> str | None:
    """Return the colour that the scheme gives to a region."""
    index = scheme.index(annotation.label)
    return None if index is None or index == IGNORE else scheme.classes[index].colour


def _meetings(annotations: AnnotationSet, scheme: ClassScheme) -> tuple[int, int]:
    """Return how many regions meet one of their class, and how many lie under another class."""
    painted = annotations.polygons(scheme)
    classes = np.array([index for index, _ in painted], np.int64)
    areas = np.array([area for _, area in painted], dtype=object)
    first, second = shapely.STRtree(areas).query(areas, predicate="intersects")
    same = (first != second) & (classes[first] == classes[second])
    other = (first < second) & (classes[first] != classes[second])
    below, above = first[other], second[other]
    under = shapely.relate_pattern(areas[below], areas[above], _INTERIORS_MEET)
    return len(np.unique(first[same])), len(np.unique(below[under]))
