"""Is an annotation where it belongs? The slide's tissue tells.

Annotations drawn on a smaller level, in microns, or from another origin have sound outlines in
the wrong place. What people outline is tissue, so the right reading of the coordinates is one
that puts the outlines on tissue; where the present one does not, the usual mistakes are tried.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from carcinomap.annotation import Area, SlideFrame, Window
from carcinomap.slide import TissueMask

ON_GLASS = 0.5
"""Where less than this share of the annotated area is tissue, something is wrong with it."""

_CONVINCING = 0.8  # share on tissue that another reading of the coordinates must reach
_BETTER = 0.2  # and by how much it must beat the present one
_SAME_SCALE = 0.01
_SMALL_BOX, _FITTING_BOX = 0.35, 0.7  # overlap with the box around the tissue
_FEW = 3  # regions that may well lie in one corner


@dataclass(frozen=True)
class Placement:
    """A reading of a file's coordinates: level-0 position = coordinate · scale + (x, y)."""

    scale: float = 1.0
    x: float = 0.0
    y: float = 0.0
    reason: str = ""

    def describe(self) -> str:
        """Say what to do to the coordinates, and which mistake that would mend."""
        if self.scale != 1:
            return f"with all coordinates × {self.scale:.4g} ({self.reason})"
        return f"moved by ({self.x:+,.0f}, {self.y:+,.0f}) pixels ({self.reason})"


@dataclass(frozen=True)
class Evidence:
    """The annotated regions of a slide, and its tissue.

    Attributes:
        areas: What is outlined, in level-0 pixels as read; not empty.
        frame: The slide.
        tissue: Its tissue.
    """

    areas: Sequence[Area]
    frame: SlideFrame
    tissue: TissueMask

    def on_tissue(self, placement: Placement) -> float:
        """Return the share of the annotated area that would lie on tissue."""
        rows, columns = self.tissue.mask.shape
        cell = self.tissue.mpp / self.tissue.slide_mpp / placement.scale
        x, y = -placement.x / placement.scale, -placement.y / placement.scale
        drawn = Window(x, y, columns, rows, cell).draw((area, 1) for area in self.areas) > 0
        count = np.count_nonzero(drawn)
        if not count:
            return 0.0
        inside = 1 - outside_share(self.areas, self._slide(placement))
        return float(inside * np.count_nonzero(drawn & self.tissue.mask) / count)

    def box_overlap(self, placement: Placement) -> float:
        """Return how well the boxes around the regions and around the tissue agree, 0 to 1."""
        rows, columns = (np.flatnonzero(self.tissue.mask.any(axis=axis)) for axis in (1, 0))
        if not rows.size:
            return 0.0
        cell = self.tissue.mpp / self.tissue.slide_mpp
        around = shapely.box(*(cell * np.array([columns[0], rows[0], columns[-1], rows[-1]])))
        left, top, right, bottom = shapely.total_bounds(np.asarray(self.areas, object))
        s, x, y = placement.scale, placement.x, placement.y
        box = shapely.box(left * s + x, top * s + y, right * s + x, bottom * s + y)
        return float(box.intersection(around).area / max(box.union(around).area, 1e-9))

    def _slide(self, placement: Placement) -> BaseGeometry:
        """Return the slide's rectangle in the coordinates of the file."""
        s, x, y = placement.scale, placement.x, placement.y
        return shapely.box(-x / s, -y / s, (self.frame.width - x) / s, (self.frame.height - y) / s)


def outside_share(areas: Sequence[Area], within: BaseGeometry) -> float:
    """Return the share of the summed area that lies outside a rectangle."""
    geometries = np.asarray(areas, object)
    total = shapely.area(geometries).sum()
    shapely.prepare(within)
    crossing = geometries[~shapely.contains(within, geometries)]
    return float(shapely.area(shapely.difference(crossing, within)).sum() / max(total, 1e-9))


def better_placement(
    evidence: Evidence, present: float, downsamples: Sequence[float], claimed_mpp: float | None
) -> tuple[Placement, float] | None:
    """Return the reading of the coordinates that is far likelier than the present one, if any.

    Args:
        evidence: Regions and tissue.
        present: Share of the annotated area that lies on tissue as read.
        downsamples: Of the slide's levels.
        claimed_mpp: Microns per pixel that the annotation names.

    Returns:
        The placement, and the share of the annotated area that it puts on tissue.
    """
    scaled = list(_scaled(evidence.frame, downsamples, claimed_mpp))
    candidates = [*_moved(evidence.frame), *(scaled if present < ON_GLASS else [])]
    found = _best(evidence, candidates, max(_CONVINCING, present + _BETTER))
    if found is None and _in_a_corner(evidence):
        # Where tissue is everywhere it says nothing; but small, the drawing fits all of it.
        fitting = [s for s in scaled if s.scale > 1 and evidence.box_overlap(s) > _FITTING_BOX]
        found = _best(evidence, fitting, max(_CONVINCING, present))
    return found


def _best(
    evidence: Evidence, candidates: Sequence[Placement], least: float
) -> tuple[Placement, float] | None:
    shares = [(one, evidence.on_tissue(one)) for one in candidates]
    return max((s for s in shares if s[1] >= least), key=lambda found: found[1], default=None)


def _in_a_corner(evidence: Evidence) -> bool:
    return len(evidence.areas) >= _FEW and evidence.box_overlap(Placement()) < _SMALL_BOX


def _moved(frame: SlideFrame) -> Iterator[Placement]:
    """Yield what a mistake about the origin would have been."""
    x, y = frame.bounds
    if (x, y) != (0, 0):
        yield Placement(1, x, y, "counted from the corner of the scanned bounds")
        yield Placement(1, -x, -y, "counted from the corner of the slide, not of its bounds")


def _scaled(
    frame: SlideFrame, downsamples: Sequence[float], claimed_mpp: float | None
) -> Iterator[Placement]:
    """Yield what mistakes about the scale would have been, each scale once."""
    scales: dict[float, str] = {}
    for level, downsample in enumerate(downsamples):
        scales[downsample] = f"drawn on level {level}"
        scales[1 / downsample] = f"{downsample:.4g} times too large"
    if frame.mpp is not None:
        if claimed_mpp is not None:
            scales[claimed_mpp / frame.mpp] = f"drawn at the {claimed_mpp:.4g} µm/px it names"
        scales[1 / frame.mpp] = "written in microns"
    scales |= {2.0: "drawn at half the magnification", 0.5: "drawn at twice the magnification"}
    seen = [1.0]
    for scale, reason in scales.items():
        if all(abs(scale / other - 1) > _SAME_SCALE for other in seen):
            seen.append(scale)
            yield Placement(scale, reason=reason)
