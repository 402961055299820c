"""Check the annotation of one slide against the slide and the classes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely

from carcinomap.annotation import (
    IGNORE,
    Annotations,
    AnnotationSet,
    Area,
    ClassScheme,
    Note,
    SlideFrame,
)
from carcinomap.cohort.checking.overlaps import Overlaps, find_overlaps
from carcinomap.cohort.checking.placement import (
    ON_GLASS,
    Evidence,
    Placement,
    better_placement,
    outside_share,
)
from carcinomap.cohort.finding import Severity
from carcinomap.slide import TissueMask

_MPP_AGREEMENT = 0.01
_HARMLESS, _MOSTLY = 0.01, 0.5  # shares of the annotated area that lie outside the slide

Remark = tuple[Severity, str, str]
"""Severity, kind, and what there is to say of the file."""


@dataclass(frozen=True)
class AnnotatedSlide:
    """An annotation, and all that it can be checked against.

    Attributes:
        annotations: The annotation.
        scheme: The classes.
        frame: The slide.
        downsamples: Of the slide's levels.
        tissue: The slide's tissue, where it could be found.
    """

    annotations: Annotations
    scheme: ClassScheme
    frame: SlideFrame
    downsamples: Sequence[float]
    tissue: TissueMask | None

    def remarks(self) -> Iterator[Remark]:
        """Yield what there is to say of the annotation."""
        annotations = self.annotations
        yield from _notes(annotations.notes)
        if not len(annotations):
            yield "note", "nothing outlined", "has no region: all of the tissue is background"
            return
        yield from self._mpp()
        if isinstance(annotations, AnnotationSet):
            yield from self._outside(annotations)
            yield from self._overlaps(annotations)
        yield from self._placement()

    def _mpp(self) -> Iterator[Remark]:
        claimed, mpp = self.annotations.mpp, self.frame.mpp
        if claimed and mpp and abs(claimed / mpp - 1) > _MPP_AGREEMENT:
            said = f"names {claimed:g} µm per pixel where the slide has {mpp:g}"
            yield "warning", "mpp disagrees", said

    def _outside(self, annotations: AnnotationSet) -> Iterator[Remark]:
        slide = shapely.box(0, 0, self.frame.width, self.frame.height)
        areas = [one.geometry for one in annotations.annotations]
        share = outside_share(areas, slide)
        beyond = int((~shapely.intersects(slide, np.asarray(areas, object))).sum())
        if share < _HARMLESS and not beyond:
            return
        wholly = f"; wholly outside: {beyond} of {len(areas)} regions" if beyond else ""
        said = f"{share:.1%} of the outlined area lies outside the slide{wholly}"
        yield "error" if share > _MOSTLY else "warning", "outside the slide", said

    def _placement(self) -> Iterator[Remark]:
        """Say where the regions lie on glass, and which mistake would explain it."""
        painted = self.annotations.polygons(replace(self.scheme, unknown="background"))
        areas: list[Area] = [area for index, area in painted if index != IGNORE]
        if self.tissue is None or not self.tissue.mask.any() or not areas:
            return
        evidence = Evidence(areas, self.frame, self.tissue)
        present = evidence.on_tissue(Placement())
        on_glass = present < ON_GLASS
        found = None
        if isinstance(self.annotations, AnnotationSet):  # pixels are spread over the whole slide
            found = better_placement(evidence, present, self.downsamples, self.annotations.mpp)
        if found is not None:
            placement, share = found
            kind = "probable scale" if placement.scale != 1 else "probable offset"
            said = (
                f"{present:.0%} of the outlined area lies on tissue; {share:.0%} of it would, "
                f"{placement.describe()}"
            )
            yield "error" if on_glass else "warning", kind, said
        elif on_glass:
            yield "warning", "on glass", f"only {present:.0%} of the outlined area lies on tissue"

    def _overlaps(self, annotations: AnnotationSet) -> Iterator[Remark]:
        polygons = annotations.polygons(replace(self.scheme, unknown="ignore"))
        partial, hidden = find_overlaps(polygons)
        for one in partial:
            said = f"{self._kinds(one, 'and')} overlap in part, {self._extent(one)}"
            yield "warning", "overlap", said
        for one in hidden:
            said = (
                f"{self._kinds(one, 'under')}: hidden wholly, as later regions are painted over "
                f"earlier ones, {self._extent(one)}"
            )
            yield "warning", "hidden", said

    def _kinds(self, overlaps: Overlaps, word: str) -> str:
        names = self.scheme.names
        return f"{names[overlaps.below]} {word} {names[overlaps.above]}"

    def _extent(self, overlaps: Overlaps) -> str:
        mpp, (x, y) = self.frame.mpp, overlaps.place
        area = f"{overlaps.area:,.0f} px²" if mpp is None else _mm2(overlaps.area * mpp**2 / 1e6)
        return f"{overlaps.count} × ({area}, most of it near {x:.0f}, {y:.0f})"


def _mm2(area: float) -> str:
    return f"{area:.3g} mm²"


def _notes(notes: Sequence[Note]) -> Iterator[Remark]:
    """Yield what was not simply read, a line for each kind; holes are as they should be."""
    kinds: dict[str, list[Note]] = {}
    for note in notes:
        if note.kind != "hole":
            kinds.setdefault(note.kind, []).append(note)
    for kind, same in kinds.items():
        count = sum(note.count for note in same)
        more = f" (and {count - same[0].count} more)" if count > same[0].count else ""
        yield "warning" if kind == "stray hole" else "note", kind, f"{same[0].message}{more}"
