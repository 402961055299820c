"""Regions of one slide as an image of pixel values."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import shapely

from carcinomap.annotation.annotations import Annotation, AnnotationSet, Note
from carcinomap.annotation.frame import SlideFrame
from carcinomap.annotation.geometry import Area, only_areas
from carcinomap.annotation.joining import Region
from carcinomap.annotation.label_images.label_file import open_tiles, scale_of
from carcinomap.annotation.label_images.label_survey import Survey, survey
from carcinomap.annotation.label_images.label_tiles import NoLabelImageError, Tiles
from carcinomap.annotation.label_images.label_values import FileValues, Meaning
from carcinomap.annotation.scheme import ClassScheme
from carcinomap.annotation.tracing import TooManyRegionsError, block_count, trace
from carcinomap.errors import InputError
from carcinomap.progress import progress

Places: TypeAlias = npt.NDArray[np.int64]

MOST_REGIONS = 1_000_000
"""Of one image. What has more is noise, or a photograph."""


@dataclass(frozen=True)
class LabelImage:
    """The annotated regions of one slide, as the values of an image that covers all of it.

    It draws windows as an ``AnnotationSet`` does. What the values mean is up to the scheme's
    ``values``. Value 0, if it means class 0, is where nothing is drawn; any other value stands
    for regions. Where there are pixels of a region of interest's value, these and all regions
    are of interest, and nothing else.

    Its file is open only while something is read; threads may share it, and processes copies.

    Attributes:
        source: The file.
        width: In pixels of the image.
        height: In pixels of the image.
        scale: Level-0 pixels per pixel of the image.
        mpp: Microns per level-0 pixel that the file claims: to be checked against the slide.
        own: What the file says of its values.
        known_counts: Number of pixels of every value, where they have been counted.
    """

    source: Path
    width: int
    height: int
    scale: float = 1.0
    mpp: float | None = None
    own: FileValues = field(default_factory=FileValues)
    known_counts: Mapping[int, int] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def open(cls, path: Path, frame: SlideFrame | None = None) -> "LabelImage":
        """Open a label image.

        Args:
            path: The file.
            frame: The slide, over which the image is spread; without it, pixels are level-0's.

        Raises:
            InputError: It cannot be read, or has another shape than the slide.
        """
        tiles = open_tiles(path)
        scale = 1.0 if frame is None else scale_of(path, tiles, frame)
        mpp = None if tiles.mpp is None else tiles.mpp / scale
        own = FileValues.of(tiles.description)
        return cls(path, tiles.width, tiles.height, scale, mpp, own)

    def __len__(self) -> int:
        return sum(region.index != 0 for region in self._regions)

    def __reduce__(self) -> tuple[Any, ...]:
        # With the counts, without the regions: other processes draw, and should not count again.
        place = (self.source, self.width, self.height, self.scale, self.mpp)
        return LabelImage, (*place, self.own, self.counts)

    @property
    def notes(self) -> tuple[Note, ...]:
        """Nothing: every pixel is what it is."""
        return ()

    @property
    def regions(self) -> int:
        """How many connected regions of values other than 0 an overview of the image shows."""
        return len(self)

    def summary(self) -> str:
        """Return what was not simply read: nothing."""
        return ""

    @property
    def counts(self) -> Mapping[int, int]:
        """Number of pixels of every value in the image."""
        return self._survey.counts if self.known_counts is None else self.known_counts

    def labels(self) -> dict[str, int]:
        """Return every pixel value with the number of its regions in an overview."""
        seen = Counter(region.index for region in self._regions)
        return {str(value): max(1, seen[value]) for value in self.counts}

    def check(self, scheme: ClassScheme) -> None:
        """Make sure that the scheme says what every pixel value means.

        Raises:
            InputError: It gives no values, or not all that are in the image and calls unknown
                ones an error; tells a line for classes.yaml.
        """
        self._meaning(scheme)

    def polygons(self, scheme: ClassScheme) -> list[tuple[int, Area]]:
        """Return (class index or ``IGNORE``, area) of all regions, without those of interest.

        They are outlined in an overview whose longer side has at most 4,096 pixels, each of the
        value at its centre: to find places, not to measure.

        Raises:
            InputError: As ``check``.
        """
        meaning = self._meaning(scheme)
        return [
            (int(meaning.painted[region.index]), self._level0(region.polygon))
            for region in self._regions
            if region.index in meaning.drawn
        ]

    def regions_of_interest(self, scheme: ClassScheme) -> list[Area]:
        """Return the areas outside which nothing counts; none means that all of it counts.

        Regions of interest bound them, and pixels of value 0 if they are ignored. They are
        outlined as ``polygons`` are.

        Raises:
            InputError: As ``check``.
        """
        interest = self._meaning(scheme).interest
        inside = [each.polygon for each in self._regions if each.index in interest]
        return [self._level0(only_areas([shapely.union_all(inside)]))] if inside else []

    def areas(self, scheme: ClassScheme) -> dict[str, float]:
        """Return the area of the regions of every class, in level-0 px², by counting all pixels.

        Raises:
            InputError: As ``check``.
        """
        meaning = self._meaning(scheme)
        areas = dict.fromkeys(scheme.names, 0.0)
        for value in sorted(meaning.drawn):
            index = int(meaning.painted[value])
            if index < len(scheme):
                areas[scheme.names[index]] += self.counts[value] * self.scale**2
        return areas

    def label_image(
        self, x: float, y: float, width: int, height: int, scale: float, scheme: ClassScheme
    ) -> npt.NDArray[np.uint8]:
        """Draw a window, as an ``AnnotationSet`` does.

        A pixel has the class of the image's pixel that contains its centre.

        Raises:
            InputError: As ``check``, or the file is damaged.
        """
        meaning = self._meaning(scheme)
        across, columns = _inside((x + (np.arange(width) + 0.5) * scale) / self.scale, self.width)
        down, rows = _inside((y + (np.arange(height) + 0.5) * scale) / self.scale, self.height)
        output = np.full((height, width), meaning.outside, np.uint8)
        with self._reading():
            values = self._tiles().sample(rows, columns)
        output[down, across] = _looked_up(meaning.painted, values)
        return output

    def window(self, x: int, y: int, width: int, height: int) -> npt.NDArray[np.uint8]:
        """Return the values of a window inside the image, in its own pixels."""
        with self._reading():
            return self._tiles().window(x, y, width, height)

    def traced(self, scheme: ClassScheme) -> AnnotationSet:
        """Outline all regions exactly, along the edges of their pixels.

        Values of one label are one region where they touch. What is blank is not outlined, as a
        note says.

        Raises:
            InputError: As ``check``, or there are too many regions.
        """
        meaning = self._meaning(scheme)
        found = self._outlined({value: meaning.labels[value] for value in sorted(meaning.drawn)})
        if meaning.roi:
            found += self._outlined(
                dict.fromkeys(meaning.interest, meaning.labels[min(meaning.roi)])
            )
        blank = ", ".join(f"{value} ({meaning.labels[value]})" for value in sorted(meaning.blank))
        note = Note("background", f"pixels of value {blank} are background: not outlined")
        return AnnotationSet(tuple(found), (note,) if blank else (), self.source, self.mpp)

    def _outlined(self, labels: Mapping[int, str]) -> list[Annotation]:
        """Outline the pixels of some values, those of one label as if they were of one value."""
        first: dict[str, int] = {}
        table = np.arange(256, dtype=np.uint8)
        for value, label in labels.items():
            table[value] = first.setdefault(label, value)
        image = _Renumbered(self, table)
        skip = self.counts.keys() - labels.keys()
        with progress("outline", block_count(image), "blocks") as advance, self._reading():
            regions = list(trace(image, skip, advance=advance, most=MOST_REGIONS))
        step = (self.scale, self.scale)
        return [Annotation(labels[r.index], _stretched(r.polygon, step)) for r in regions]

    def _meaning(self, scheme: ClassScheme) -> Meaning:
        return Meaning.of(self.source, self.counts, self.own, scheme)

    @cached_property
    def _survey(self) -> Survey:
        with self._reading():
            return survey(self._tiles())

    @cached_property
    def _regions(self) -> tuple[Region, ...]:
        """Outline the regions of every value, 0 included, in the overview."""
        with self._reading():
            return tuple(trace(self._survey.overview, (), most=MOST_REGIONS))

    def _level0(self, overview: Area) -> Area:
        x, y = self._survey.step
        return _stretched(overview, (x * self.scale, y * self.scale))

    def _tiles(self) -> Tiles:
        tiles = open_tiles(self.source)
        if (tiles.width, tiles.height) != (self.width, self.height):
            raise InputError(f"{self.source}: has become another image meanwhile")
        return tiles

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Name the file in what is wrong with it."""
        try:
            yield
        except NoLabelImageError as reason:
            raise InputError(f"{self.source}: {reason}") from None
        except TooManyRegionsError:
            raise InputError(
                f"{self.source}: more than {MOST_REGIONS:,} regions; this is no label image"
            ) from None


@dataclass(frozen=True)
class _Renumbered:
    """An image with other numbers in the place of its values, for tracing."""

    image: LabelImage
    table: npt.NDArray[np.uint8]

    @property
    def width(self) -> int:
        return self.image.width

    @property
    def height(self) -> int:
        return self.image.height

    def window(self, x: int, y: int, width: int, height: int) -> npt.NDArray[np.uint8]:
        return _looked_up(self.table, self.image.window(x, y, width, height))


def _looked_up(
    table: npt.NDArray[np.uint8], values: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    """Return ``table[values]``, several times as fast."""
    return np.asarray(cv2.LUT(values, table), np.uint8) if values.size else values


def _stretched(area: Area, step: tuple[float, float]) -> Area:
    return shapely.transform(area, lambda points: points * step)


def _inside(positions: npt.NDArray[np.floating[Any]], length: int) -> tuple[slice, Places]:
    """Return which of some ascending positions lie in an image, and in which of its pixels."""
    first, last = np.searchsorted(positions, (0, length)).tolist()
    return slice(first, last), positions[first:last].astype(np.int64)
