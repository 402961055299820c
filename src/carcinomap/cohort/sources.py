"""What sampling needs to know of a case: its size, tissue, polygons, and where it may look."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from carcinomap.annotation import Annotations, Area, ClassScheme, Window
from carcinomap.cohort.case import Case
from carcinomap.slide import TissueMask, find_artefacts, find_tissue


@dataclass(frozen=True)
class Block:
    """A level-0 rectangle."""

    left: float
    top: float
    right: float
    bottom: float

    def grown(self, margin: float) -> "Block":
        """Return the block larger by ``margin`` on every side (smaller, if negative)."""
        return Block(
            self.left - margin, self.top - margin, self.right + margin, self.bottom + margin
        )

    def contains(self, x: float, y: float) -> bool:
        """Say whether a point lies in the block."""
        return self.left <= x < self.right and self.top <= y < self.bottom

    def polygon(self) -> BaseGeometry:
        """Return the block as a polygon."""
        return shapely.box(self.left, self.top, self.right, self.bottom)


@dataclass(frozen=True)
class PatchSource:
    """A case to take patches from.

    Attributes:
        case: Its index in the cohort.
        width: Level-0 width of the slide.
        height: Level-0 height of the slide.
        mpp: Microns per level-0 pixel.
        tissue: Where the tissue is.
        annotations: What was outlined.
        inside: Patches lie wholly in this block, where there is one.
        outside: Patches do not touch this block, where there is one.
        interest: Regions of interest: outside them nothing is known, where there are any.
    """

    case: int
    width: int
    height: int
    mpp: float
    tissue: TissueMask
    annotations: Annotations
    inside: Block | None = None
    outside: Block | None = None
    interest: tuple[Area, ...] = ()

    @classmethod
    def of(
        cls, index: int, case: Case, scheme: ClassScheme, skip_artefacts: bool = False
    ) -> "PatchSource":
        """Open a case's slide, find its tissue and read its annotation.

        Where regions of interest bound what was looked at, the tissue outside them is nothing to
        take patches from.

        Args:
            index: The case's position in the cohort.
            case: The case.
            scheme: Says which labels mean regions of interest.
            skip_artefacts: Leave out tissue that is blurred, folded or inked over.

        Raises:
            InputError: The slide or the annotation cannot be read.
        """
        with case.open_slide() as slide:
            annotations = case.read_annotations(slide)
            tissue = find_tissue(slide)
            if skip_artefacts:
                tissue = find_artefacts(slide, tissue).clean(tissue)
            interest = annotations.regions_of_interest(scheme)
            if interest:
                tissue = _within(tissue, interest)
            size = (slide.width, slide.height)
            return cls(index, *size, slide.mpp, tissue, annotations, interest=tuple(interest))

    @property
    def bounds(self) -> Block:
        """The block that it is limited to, or else the slide."""
        return self.inside or Block(0.0, 0.0, float(self.width), float(self.height))

    def restricted(
        self, inside: Block | None = None, outside: Block | None = None
    ) -> "PatchSource":
        """Return the same source, and its tissue, limited to a block or to what is outside it."""
        tissue = self.tissue
        if inside is not None:
            tissue = replace(tissue, mask=tissue.mask & _cells(tissue, inside, whole=False))
        if outside is not None:
            tissue = replace(tissue, mask=tissue.mask & ~_cells(tissue, outside, whole=True))
        return replace(self, tissue=tissue, inside=inside, outside=outside)

    def label_at(self, x: float, y: float, scheme: ClassScheme) -> int:
        """Return the class index at a level-0 point (255: ignored)."""
        image = self.annotations.label_image(x - 0.5, y - 0.5, 1, 1, 1.0, scheme)
        return int(image[0, 0])

    def is_tissue(self, x: float, y: float) -> bool:
        """Say whether a level-0 point lies on tissue."""
        return bool(self.tissue.window(x - 0.5, y - 0.5, 1, 1, self.mpp)[0, 0])

    def allows(self, x: float, y: float, half: float) -> bool:
        """Say whether a patch that reaches ``half`` level-0 pixels from its centre may lie here."""
        if self.inside is not None and not self.inside.grown(-half).contains(x, y):
            return False
        return self.outside is None or not self.outside.grown(half).contains(x, y)

    def allowed(self, geometry: BaseGeometry, half: float) -> BaseGeometry:
        """Return the part of a geometry of which something is known and where ``allows`` holds."""
        if self.interest:
            geometry = geometry.intersection(shapely.union_all(self.interest))
        if self.inside is not None:
            geometry = geometry.intersection(self.inside.grown(-half).polygon())
        if self.outside is not None:
            geometry = geometry.difference(self.outside.grown(half).polygon())
        return geometry


def _cells(tissue: TissueMask, block: Block, whole: bool) -> NDArray[np.bool_]:
    """Say which of a mask's cells lie in a block, with all of them or with a part."""
    cell = tissue.mpp / tissue.slide_mpp
    found = []
    sides = (block.top, block.bottom), (block.left, block.right)
    for count, (low, high) in zip(tissue.mask.shape, sides, strict=True):
        first = np.arange(count) * cell
        last = first + cell
        found.append((first >= low) & (last <= high) if whole else (last > low) & (first < high))
    return np.asarray(np.logical_and.outer(*found))


def _within(tissue: TissueMask, interest: Sequence[Area]) -> TissueMask:
    """Return the tissue inside some regions."""
    cell = tissue.mpp / tissue.slide_mpp
    rows, columns = tissue.mask.shape
    drawn = Window(0, 0, columns, rows, cell).draw((area, 1) for area in interest)
    return replace(tissue, mask=tissue.mask & (drawn == 1))
