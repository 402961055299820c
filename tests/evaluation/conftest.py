"""A small cohort, made anew: slides, outlines and maps as real files."""

from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest
import tifffile

from carcinomap.annotation import ClassScheme
from carcinomap.cohort import Case
from carcinomap.segmentation.mapping.plan import CELL
from carcinomap.segmentation.results.pyramid import build_pyramid, level_sizes
from carcinomap.segmentation.results.writer import write_class_map
from carcinomap.segmentation.unfinished.spool import NOT_MAPPED, Spool

WIDTH, HEIGHT, MPP = 640, 480, 2.0
TISSUE = (slice(80, 400), slice(160, 560))  # rows, columns
MAP_MPP = 4.0
Box = tuple[str, int, int, int, int]  # label, left, top, right, bottom in level-0 pixels


@dataclass(frozen=True)
class Workbench:
    """Where test files go, and how they are made."""

    folder: Path

    @property
    def maps(self) -> Path:
        return self.folder / "maps"

    def case(self, name: str, boxes: list[Box] | None, patient: str = "p") -> Case:
        """Write a slide with a block of tissue on glass, and its outlines."""
        slide = self.folder / f"{name}.tif"
        image = np.full((HEIGHT, WIDTH, 3), 245, np.uint8)
        image[TISSUE] = (190, 90, 160)
        tifffile.imwrite(slide, image, tile=(128, 128), photometric="rgb", compression="deflate")
        annotation = None
        if boxes is not None:
            annotation = self.folder / f"{name}.xml"
            annotation.write_text(_imagescope(boxes), encoding="utf-8")
        return Case(slide, annotation, patient, mpp=MPP)

    def map(
        self,
        name: str,
        labels: np.ndarray,
        scheme: ClassScheme | None = None,
        mpp: float = MAP_MPP,
    ) -> Path:
        """Write a class map."""
        self.maps.mkdir(exist_ok=True)
        path = self.maps / f"{name}.ome.tif"
        height, width = labels.shape
        rows, columns = -(-height // CELL), -(-width // CELL)
        padded = np.full((rows * CELL, columns * CELL), NOT_MAPPED, np.uint8)
        padded[:height, :width] = labels
        journal = self.folder / "journal"
        journal.unlink(missing_ok=True)
        with Spool(journal) as spool:
            for row in range(rows):
                for column in range(columns):
                    cell = padded[row * CELL :, column * CELL :][:CELL, :CELL]
                    spool.write(0, row, column, cell)
            build_pyramid(spool, len(level_sizes(width, height)))
            classes = scheme or ClassScheme.default()
            write_class_map(path, spool, width, height, mpp, classes, name)
        return path


def _imagescope(boxes: list[Box]) -> str:
    regions = []
    for number, (label, left, top, right, bottom) in enumerate(boxes, 1):
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        vertices = "".join(f'<Vertex X="{x}" Y="{y}" Z="0"/>' for x, y in corners)
        regions.append(
            f'<Region Id="{number}" Type="0" Text={quoteattr(label)} NegativeROA="0">'
            f"<Vertices>{vertices}</Vertices></Region>"
        )
    return (
        f'<Annotations MicronsPerPixel="{MPP}"><Annotation Id="1"><Regions>'
        + "".join(regions)
        + "</Regions></Annotation></Annotations>"
    )


def empty_map() -> np.ndarray:
    """Return a map of the slide's size with nothing on it."""
    return np.full((HEIGHT // 2, WIDTH // 2), NOT_MAPPED, np.uint8)


@pytest.fixture
def workbench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path)
