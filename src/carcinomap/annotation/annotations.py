"""The annotated regions of one slide."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import shapely
from shapely import STRtree

from carcinomap.annotation.drawing import Window
from carcinomap.annotation.geometry import Area
from carcinomap.annotation.scheme import IGNORE, ClassScheme
from carcinomap.errors import InputError
from carcinomap.storage import AnyPath

FILES_NAMED = 3

Labels = tuple[AnyPath | None, Mapping[str, int]]
"""The file that annotations were read from, and the number of them by label."""

NoteKind = Literal[
    "repaired",
    "hole",
    "stray hole",
    "open line",
    "point",
    "arrow",
    "no area",
    "background",
    "other type",
]


@dataclass(frozen=True)
class Annotation:
    """A labelled region.

    Attributes:
        label: As the file spells it; what it means is the class scheme's business.
        geometry: Its area in level-0 pixels, valid, holes as interiors.
        name: What people called this one region, where the file holds that beside the label.
        colour: ``#rrggbb`` it is drawn with, where the file says so.
        layer: Name of the layer or document it is in, where the file has several or names them.
    """

    label: str
    geometry: Area
    name: str = ""
    colour: str | None = None
    layer: str = ""


@dataclass(frozen=True)
class Note:
    """What happened to regions that did not simply become annotations.

    Attributes:
        kind: ``repaired`` regions are annotations or holes all the same; a ``hole`` is cut out
            of its annotation; regions of all other kinds are left out.
        message: For people; names the region.
        count: How many regions it speaks of.
    """

    kind: NoteKind
    message: str
    count: int = 1


@dataclass(frozen=True)
class AnnotationSet:
    """The annotated regions of one slide, in the order of the file.

    Attributes:
        annotations: Later ones lie on top of earlier ones.
        notes: What was repaired, cut out, or left out.
        source: The file they were read from.
        mpp: Microns per pixel that the file claims: to be checked against the slide, never used.
    """

    annotations: tuple[Annotation, ...]
    notes: tuple[Note, ...] = ()
    source: AnyPath | None = None
    mpp: float | None = None

    @classmethod
    def empty(cls) -> "AnnotationSet":
        """Return the annotations of a slide on which nothing is drawn."""
        return cls(())

    def __len__(self) -> int:
        return len(self.annotations)

    def __reduce__(self) -> tuple[Any, ...]:
        # Without the index: another process builds its own faster than it unpickles one.
        return AnnotationSet, (self.annotations, self.notes, self.source, self.mpp)

    @property
    def regions(self) -> int:
        """How many regions the file has: annotations, holes, and those left out."""
        apart = sum(note.count for note in self.notes if note.kind != "repaired")
        return len(self.annotations) + apart

    def summary(self) -> str:
        """Return in a line what was not simply read, with the file; empty if all of it was."""
        kinds = Counter[str]()
        for note in self.notes:
            kinds[note.kind] += note.count
        told = ", ".join(f"{count} × {kind}" for kind, count in sorted(kinds.items()))
        return f"{self.source}: {told} (carcinomap inspect tells which)" if told else ""

    @cached_property
    def _tree(self) -> STRtree:
        return STRtree([annotation.geometry for annotation in self.annotations])

    @cached_property
    def _counts(self) -> Mapping[str, int]:
        return Counter(annotation.label for annotation in self.annotations)

    def labels(self) -> dict[str, int]:
        """Return every label, as the file spells it, with the number of its annotations."""
        return dict(self._counts)

    def check(self, scheme: ClassScheme) -> None:
        """Make sure that the scheme says what every label means.

        Raises:
            InputError: Some labels are unknown and the scheme calls that an error; names the
                file, the labels, their counts and the nearest known spelling.
        """
        check_labels([(self.source, self.labels())], scheme)

    def polygons(self, scheme: ClassScheme) -> list[tuple[int, Area]]:
        """Return (class index or ``IGNORE``, area), in file order, without regions of interest.

        Raises:
            InputError: As ``check``.
        """
        self.check(scheme)
        return [
            (scheme.value(annotation.label), annotation.geometry)
            for annotation in self.annotations
            if not scheme.is_roi(annotation.label)
        ]

    def regions_of_interest(self, scheme: ClassScheme) -> list[Area]:
        """Return the areas outside which nothing counts; none means that all of it counts."""
        return [
            annotation.geometry
            for annotation in self.annotations
            if scheme.is_roi(annotation.label)
        ]

    def areas(self, scheme: ClassScheme) -> dict[str, float]:
        """Return the summed areas of the outlines of every class, in level-0 px².

        Outlines that overlap count twice, and regions of interest or ignored ones not at all.

        Raises:
            InputError: As ``check``.
        """
        areas = dict.fromkeys(scheme.names, 0.0)
        for index, geometry in self.polygons(scheme):
            if index != IGNORE:
                areas[scheme.names[index]] += float(geometry.area)
        return areas

    def label_image(
        self, x: float, y: float, width: int, height: int, scale: float, scheme: ClassScheme
    ) -> npt.NDArray[np.uint8]:
        """Draw a window.

        Pixel (i, j) has the class of the last annotation that contains its centre, at
        ``x + (j + ½) · scale, y + (i + ½) · scale``.

        Args:
            x: Left edge in level-0 pixels.
            y: Upper edge in level-0 pixels.
            width: Columns of output pixels.
            height: Rows of output pixels.
            scale: Level-0 pixels per output pixel: the mpp asked for / the slide's.
            scheme: What the labels mean.

        Returns:
            uint8 ``(height, width)``: class indices; 0 where nothing is drawn; ``IGNORE`` in
            ignored regions, and outside the regions of interest of a slide that has any.

        Raises:
            InputError: As ``check``.
        """
        self.check(scheme)
        window = Window(x, y, width, height, scale)
        hits = np.sort(self._tree.query(shapely.box(*window.bounds())))
        here = [self.annotations[hit] for hit in hits]
        painted = [
            (annotation.geometry, scheme.value(annotation.label))
            for annotation in here
            if not scheme.is_roi(annotation.label)
        ]
        pixels = window.draw(painted)
        if any(scheme.is_roi(label) for label in self._counts):
            interest = [(a.geometry, 1) for a in here if scheme.is_roi(a.label)]
            pixels[window.draw(interest) == 0] = IGNORE
        return pixels


def check_labels(files: Iterable[Labels], scheme: ClassScheme) -> None:
    """Make sure that the scheme says what every label of some files means.

    Raises:
        InputError: Some labels are unknown and the scheme calls that an error; tells once of
            each label its count, its files, and the nearest known spelling.
    """
    if scheme.unknown != "error":
        return
    unknown: dict[str, list[tuple[AnyPath | None, int]]] = {}
    for file, labels in files:
        for label, count in labels.items():
            if not scheme.knows(label):
                unknown.setdefault(label, []).append((file, count))
    if unknown:
        lines = [_unknown(label, found, scheme) for label, found in unknown.items()]
        raise InputError(
            "labels that are in no class:\n"
            + "\n".join(lines)
            + f"\nThe classes are {', '.join(scheme.names)}. Name the labels under `aliases` or "
            "`ignore` in a classes.yaml (--classes), or say there `unknown: ignore`."
        )


def _unknown(label: str, found: list[tuple[AnyPath | None, int]], scheme: ClassScheme) -> str:
    """Say of an unknown label how many regions have it, in which files, and what is near."""
    name = repr(label) if label else '"" (no label at all)'
    count = sum(number for _, number in found)
    regions = "1 region" if count == 1 else f"{count:,} regions"
    files = [str(file) for file, _ in found if file]
    named = f" in {', '.join(files[:FILES_NAMED])}" if files else ""
    more = f" and {len(files) - FILES_NAMED} more files" if len(files) > FILES_NAMED else ""
    return f"  {name}: {regions}{named}{more}{scheme.suggestion(label)}"
