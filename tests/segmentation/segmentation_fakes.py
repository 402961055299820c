"""A slide and runtimes that live in memory."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from carcinomap.annotation import ClassScheme
from carcinomap.model import Model, ModelSpec, Preprocessing
from carcinomap.segmentation.mapping.plan import CELL
from carcinomap.segmentation.results.classmap import ClassMap
from carcinomap.segmentation.results.pyramid import build_pyramid, level_sizes
from carcinomap.segmentation.results.writer import write_class_map
from carcinomap.segmentation.unfinished.spool import NOT_MAPPED, Spool
from carcinomap.slide import Level, Slide, TissueMask, View

CLASSES = ClassScheme.default()
COLOURS = np.array([(230, 180, 200), (160, 90, 150), (110, 60, 140), (90, 20, 90)], np.uint8)
WHITE = np.array((255, 255, 255), np.uint8)


class MemorySlide(Slide):
    def __init__(self, image: np.ndarray, mpp: float, name: str = "memory.svs") -> None:
        self.image = image
        self.path = Path(name)
        self.vendor = "memory"
        self.mpp = mpp
        self.levels = (Level(image.shape[1], image.shape[0], 1.0),)
        self.properties: dict[str, str] = {}
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def associated_images(self) -> tuple[str, ...]:
        return ()

    def _decode(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        assert level == 0
        return self.image[y : y + height, x : x + width].copy()


class FakeRuntime:
    """Applies a function uint8 (n, h, w, 3), … → float32 (n, classes, h, w)."""

    def __init__(
        self,
        function: Callable[..., np.ndarray],
        mpp: float = 1.0,
        stride: int = 16,
        views: tuple[View, ...] | None = None,
        any_size: bool = False,
    ) -> None:
        self.function = function
        self.classes = CLASSES
        self.views = views or (View(mpp, 256),)
        self.stride = stride
        self.batch_pixels = 0
        self.at_once = 1
        self.side: int | None = None
        self.any_size = any_size
        self.shapes: list[tuple[int, ...]] = []

    def run(self, batches: Iterable[tuple[np.ndarray, ...]]) -> Iterator[np.ndarray]:
        before = None
        for views in batches:  # one batch ahead of the caller, as real ones are
            if before is not None:
                yield self._compute(before)
            before = views
        if before is not None:
            yield self._compute(before)

    def _compute(self, views: tuple[np.ndarray, ...]) -> np.ndarray:
        self.shapes.append(views[0].shape)
        return self.function(*views)


def by_colour(images: np.ndarray, *_: Any) -> np.ndarray:
    """Give every pixel the class whose colour is nearest, with a probability of 0.7."""
    difference = images[:, None].astype(np.int32) - COLOURS[:, None, None].astype(np.int32)
    nearest = (difference**2).sum(axis=-1).argmin(axis=1)
    return np.where(nearest[:, None] == np.arange(4)[:, None, None], 0.7, 0.1).astype(np.float32)


def by_position(images: np.ndarray, *_: Any) -> np.ndarray:
    """Give what depends on where in the tile a pixel lies, and on its colour."""
    height, width = images.shape[1:3]
    coarse = np.random.default_rng(5).random((4, -(-height // 16), -(-width // 16)), np.float32)
    patches = np.kron(coarse, np.ones((16, 16), np.float32))[:, :height, :width]
    mixed = patches + by_colour(images)
    return (mixed / mixed.sum(axis=1, keepdims=True)).astype(np.float32)


def painted(labels: np.ndarray) -> np.ndarray:
    """Return the image of which ``by_colour`` makes ``labels``; white where not mapped."""
    palette = np.tile(WHITE, (256, 1))
    palette[:4] = COLOURS
    return palette[labels]


def blobs(height: int, width: int, seed: int, size: int = 40) -> np.ndarray:
    """Return labels 0 … 3 in squarish patches."""
    small = np.random.default_rng(seed).integers(0, 4, (-(-height // size), -(-width // size)))
    return np.kron(small, np.ones((size, size), int))[:height, :width].astype(np.uint8)


def tissue_everywhere(slide: Slide) -> TissueMask:
    width, height = slide.size_at(8.0)
    return TissueMask(np.ones((height, width), bool), 8.0, slide.mpp)


def spec(**training: Any) -> ModelSpec:
    return ModelSpec(
        architecture="fake",
        kwargs={},
        classes=CLASSES,
        views=(View(1.0, 256),),
        stride=16,
        preprocessing=Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        training=training,
    )


def model(**training: Any) -> Model:
    return Model(spec(**training), torch.nn.Identity())


def fill(spool: Spool, labels: np.ndarray) -> None:
    """Put a whole map into level 0 of a spool."""
    height, width = labels.shape
    padded = np.pad(labels, ((0, -height % CELL), (0, -width % CELL)), constant_values=NOT_MAPPED)
    for row in range(padded.shape[0] // CELL):
        for column in range(padded.shape[1] // CELL):
            y, x = row * CELL, column * CELL
            spool.write(0, row, column, padded[y : y + CELL, x : x + CELL])


def somewhere(share: float, seed: int, step: int = 64) -> Callable[[int, int, int, int], bool]:
    """Return whether anything of a box is wanted, where a share of all squares is."""
    squares = np.random.default_rng(seed).random((64, 64)) < share

    def wanted(x: int, y: int, width: int, height: int) -> bool:
        rows = slice(y // step, -(-(y + height) // step))
        columns = slice(x // step, -(-(x + width) // step))
        return bool(squares[rows, columns].any())

    return wanted


def new_path(folder: Path) -> Path:
    """Return a path where nothing is yet; hypothesis keeps a folder from example to example."""
    return folder / f"{len(list(folder.iterdir()))}.new"


def write_map(path: Path, labels: np.ndarray, mpp: float = 1.0, scheme: Any = CLASSES) -> Path:
    height, width = labels.shape
    with Spool(new_path(path.parent)) as spool:
        fill(spool, labels)
        build_pyramid(spool, len(level_sizes(width, height)))
        write_class_map(path, spool, width, height, mpp, scheme, "memory")
    return path


def read_all(path: Path) -> np.ndarray:
    with ClassMap.open(path) as class_map:
        return class_map.window(0, 0, class_map.width, class_map.height)


def lesions(height: int = 600, width: int = 900) -> np.ndarray:
    """A disc of invasive with a hole, a benign square, normal tissue around, glass outside."""
    y, x = np.mgrid[:height, :width]
    labels = np.full((height, width), NOT_MAPPED, np.uint8)
    labels[50:-50, 50:-50] = 0
    distance = np.hypot(y - 300, x - 300)
    labels[distance < 150] = 3
    labels[distance < 60] = 0
    labels[200:350, 550:700] = 1
    return labels


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
