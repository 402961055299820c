"""Cut one tile out of a slide and write its image and its label."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from carcinomap.annotation import IGNORE, Annotations, ClassScheme
from carcinomap.cohort.patches.folder import PatchFolder
from carcinomap.cohort.patches.grid import Place
from carcinomap.cohort.patches.settings import TileSettings
from carcinomap.files import atomic_path
from carcinomap.slide import Slide, TissueMask

WHITE = 255


@dataclass(frozen=True)
class Tile:
    """A tile that is written, and what it shows of its slide.

    Attributes:
        name: Of both its files, without suffix.
        x: Level-0 column of its left edge.
        y: Level-0 row of its upper edge.
        width: Level-0 columns of the slide that it shows.
        height: Level-0 rows of the slide that it shows.
        tissue: Share of them that is tissue.
        shares: Share of them that is of each class; what is ignored is of none.
    """

    name: str
    x: float
    y: float
    width: float
    height: float
    tissue: float
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Cutter:
    """Cuts the tiles of one slide; many threads may share it.

    Attributes:
        slide: The slide.
        annotations: What was outlined on it.
        tissue: Where it has tissue.
        scale: Level-0 pixels per pixel of a tile.
        scheme: The classes.
        settings: Size, resolution and format of the tiles.
        folder: Where to write them.
    """

    slide: Slide
    annotations: Annotations
    tissue: TissueMask
    scale: float
    scheme: ClassScheme
    settings: TileSettings
    folder: PatchFolder

    def name(self, place: Place) -> str:
        """Return the name of a tile: its slide's, and where it lies in the tiles' pixels."""
        return f"{self.slide.name}_x{place.left:06d}_y{place.top:06d}"

    def cut(self, place: Place) -> Tile | None:
        """Write a tile, the image last.

        Returns:
            The tile; None where there is nothing to learn from: too little tissue and nothing
            outlined, or all of it ignored.

        Raises:
            InputError: The pixels of the slide or of a label image cannot be read.
        """
        x, y = place.left * self.scale, place.top * self.scale
        there = (x, y, place.width, place.height)
        label = self.annotations.label_image(*there, self.scale, self.scheme)
        width = min(place.width * self.scale, self.slide.width - x)
        height = min(place.height * self.scale, self.slide.height - y)
        tissue = self.tissue.fraction(x, y, width, height)
        counts = np.bincount(label.ravel(), minlength=IGNORE + 1)
        if counts[IGNORE] == label.size:
            return None
        if tissue < self.settings.tissue and not counts[1:IGNORE].any():
            return None
        name = self.name(place)
        image_file, label_file = self.folder.files(name, self.settings.suffix)
        self._write_label(self._padded(label, IGNORE), label_file)
        image = self._padded(self.slide.read(*there, self.settings.mpp), WHITE)
        self._write_image(image, image_file)
        shares = tuple((counts[: len(self.scheme)] / label.size).tolist())
        return Tile(name, x, y, width, height, tissue, shares)

    def _padded(self, pixels: NDArray[np.uint8], value: int) -> NDArray[np.uint8]:
        """Return pixels (rows, columns, …) of a tile's size, with ``value`` beyond the slide."""
        size = self.settings.size
        if pixels.shape[:2] == (size, size):
            return pixels
        whole = np.full((size, size, *pixels.shape[2:]), value, np.uint8)
        whole[: pixels.shape[0], : pixels.shape[1]] = pixels
        return whole

    def _write_image(self, pixels: NDArray[np.uint8], path: Path) -> None:
        if self.settings.format == "png":
            _save(pixels, path, format="PNG", compress_level=3)
        else:
            # Stains differ in colour: it is kept at full resolution.
            _save(pixels, path, format="JPEG", quality=self.settings.quality, subsampling=0)

    @staticmethod
    def _write_label(pixels: NDArray[np.uint8], path: Path) -> None:
        # One channel and no palette, which many readers expand into colours.
        _save(pixels, path, format="PNG", compress_level=6)


def _save(pixels: NDArray[np.uint8], path: Path, **how: Any) -> None:
    with atomic_path(path) as temporary:
        Image.fromarray(pixels).save(temporary, **how)
