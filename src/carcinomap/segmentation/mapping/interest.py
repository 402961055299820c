"""What of a slide is to be mapped: its tissue, inside regions of interest where there are some."""

import hashlib
from dataclasses import replace
from itertools import compress

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.features import rasterize

from carcinomap.annotation import (
    AnnotationSet,
    ClassScheme,
    LabelImage,
    TissueClass,
    Window,
)
from carcinomap.cohort import Case, frame_of
from carcinomap.cohort.pairing import AnnotationFiles
from carcinomap.errors import InputError
from carcinomap.slide import Slide, TissueMask
from carcinomap.storage import AnyPath, as_path, kind_of

STEP = 1 / 1024
"""Windows begin on multiples of this many of their pixels: their positions come with rounding
errors, and a centre on an outline must be on the same side of it in every window."""

# To read label images: 0 is nothing; the names of all other values do not matter, but for `roi`.
_ANYTHING = ClassScheme(
    (TissueClass("nothing", "#ffffff"), TissueClass("something", "#000000")), unknown="background"
)
_ZERO_IS_NOTHING = ((0, "nothing"),)


class Interest:
    """What of a slide is to be mapped; asked as a ``TissueMask`` is, from any number of threads.

    It is there as long as the slide is being mapped, and so keeps its masks packed.

    Attributes:
        tissue: The tissue of the slide, inside the regions or not.

    Args:
        tissue: The tissue of the slide.
        regions: Nothing outside them is mapped; None maps all tissue. Their labels do not matter.
    """

    def __init__(self, tissue: TissueMask, regions: AnnotationSet | None) -> None:
        self.tissue = self._wanted = tissue.packed()
        self._polygons: NDArray[np.object_] | None = None
        if regions is not None:
            self._polygons = shapely.get_parts([one.geometry for one in regions.annotations])
            self._tree = shapely.STRtree(self._polygons)
            near = _touched(self._polygons, tissue.mask.shape, tissue.mpp / tissue.slide_mpp)
            self._wanted = replace(tissue, mask=tissue.mask & near).packed()
        # By level-0 pixels per pixel of a window: a slide's windows are all asked for at one mpp.
        self._scaled: dict[float, NDArray[np.object_]] = {}

    @property
    def area_mm2(self) -> float:
        """Area to be mapped in mm², to a pixel of the tissue mask."""
        rows, columns = self.tissue.shape
        inside = self.window(0, 0, columns, rows, self.tissue.mpp)
        return float(np.count_nonzero(inside)) * self.tissue.mpp**2 / 1e6

    def fraction(self, x: float, y: float, width: float, height: float) -> float:
        """Return the share of a level-0 rectangle that may be to map; 0 only where nothing is.

        A rectangle has some of it just if one of the parts has that it is cut into.
        """
        return self._wanted.fraction(x, y, width, height)

    def window(self, x: float, y: float, width: int, height: int, mpp: float) -> NDArray[np.bool_]:
        """Return what is to be mapped of a window, in the geometry of ``Slide.read``.

        Returns:
            bool (height, width): whether a pixel's centre is on tissue and inside a region. On
            an outline it is inside if the region is on its right, or below.
        """
        found = self.tissue.window(x, y, width, height, mpp)
        if self._polygons is not None and found.any():
            ratio = mpp / self.tissue.slide_mpp
            box = shapely.box(x, y, x + width * ratio, y + height * ratio)
            areas = self._in_pixels(ratio)[self._tree.query(box)]
            left, top = (round(corner / ratio / STEP) * STEP for corner in (x, y))
            drawn = Window(left, top, width, height, 1.0).draw((area, 1) for area in areas)
            found &= drawn.view(bool)
        return found

    def _in_pixels(self, ratio: float) -> NDArray[np.object_]:
        """Return the regions in pixels that are ``ratio`` level-0 pixels large."""
        if ratio not in self._scaled:
            self._scaled[ratio] = shapely.transform(self._polygons, lambda xy: xy / ratio)
        return self._scaled[ratio]


def _touched(
    polygons: NDArray[np.object_], shape: tuple[int, int], cell: float
) -> NDArray[np.bool_]:
    """Return which cells of a grid some polygons touch, and those next to them.

    Args:
        polygons: In level-0 pixels.
        shape: Rows and columns of the grid.
        cell: Side of its cells, in level-0 pixels.
    """
    rows, columns = shape
    touched = Window(0, 0, columns, rows, cell).draw((polygon, 1) for polygon in polygons)
    outlines = shapely.multilinestrings(shapely.get_rings(polygons))
    # The rasteriser would follow them however far they go beyond the grid.
    outlines = shapely.clip_by_rect(outlines, 0, 0, columns * cell, rows * cell)
    if not outlines.is_empty:
        rasterize([outlines], out=touched, transform=Affine.scale(cell), all_touched=True)
    # Of what an outline merely brushes, the rasteriser may leave something out.
    return np.asarray(cv2.dilate(touched, np.ones((3, 3), np.uint8)) > 0)


def read_interest(path: str | AnyPath, slide: Slide) -> AnnotationSet:
    """Read the regions of interest of a slide.

    Of a file in which regions are labelled ``roi``, only these count; of any other, all do. The
    regions of a label image are its pixels of any value but 0.

    Args:
        path: An annotation file of any format, or a folder with one for each slide, named after
            it as in a cohort.
        slide: The slide.

    Raises:
        InputError: There is no such file, or several, it cannot be read, or none of its regions
            lies on the slide.
    """
    file = as_path(path)
    if kind_of(file) == "folder":
        file = _file_of(file, slide.path)
    read = Case(slide.path).read_annotation_file(file, frame_of(slide))
    regions = _traced(read) if isinstance(read, LabelImage) else read
    scheme = ClassScheme.default()
    labelled = tuple(one for one in regions.annotations if scheme.is_roi(one.label))
    chosen = labelled or regions.annotations
    if not chosen:
        raise InputError(f"{file}: no region to map in it ({_what_else(regions)})")
    whole = shapely.box(0, 0, slide.width, slide.height)
    shown = shapely.area(shapely.intersection([one.geometry for one in chosen], whole)) > 0
    if not shown.any():
        raise InputError(
            f"{file}: none of its {len(chosen)} regions lies on {slide.path.name} "
            f"({slide.width} × {slide.height} pixels); is it the file of another slide?"
        )
    return AnnotationSet(tuple(compress(chosen, shown)), regions.notes, file)


def fingerprint(regions: AnnotationSet) -> str:
    """Return the SHA-256 of what regions cover in level-0 pixels, in hexadecimal digits.

    Their order and labels, and where their outlines begin, do not matter.
    """
    areas = shapely.normalize([one.geometry for one in regions.annotations])
    digest = hashlib.sha256()
    for area in sorted(set(shapely.to_wkb(areas, output_dimension=2, byte_order=1))):
        digest.update(area)
    return digest.hexdigest()


def _file_of(folder: AnyPath, slide: AnyPath) -> AnyPath:
    """Return the file of a folder that has a slide's name."""
    found, findings = AnnotationFiles([folder], [slide]).of(slide)
    if found is None:
        told = "; ".join(one.message for one in findings)
        raise InputError(
            f"{folder}: no regions for {slide.name} there, such as {slide.stem}.geojson"
            + (f" ({told})" if told else "")
        )
    return found


def _traced(image: LabelImage) -> AnnotationSet:
    values = () if image.own.labels else _ZERO_IS_NOTHING
    return image.traced(replace(_ANYTHING, values=values))


def _what_else(regions: AnnotationSet) -> str:
    """Say what a file without areas has instead."""
    others = regions.regions
    return f"{others} that are no areas: carcinomap inspect tells why" if others else "none at all"
