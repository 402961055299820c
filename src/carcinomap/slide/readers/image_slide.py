"""Plain images: a field of view as PNG or JPEG, held in memory."""

from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile, JpegImagePlugin, PngImagePlugin

from carcinomap.errors import InputError
from carcinomap.slide.readers.reader import (
    LARGEST_PLAIN,
    MAKE_A_PYRAMID,
    DeclinedError,
    RefusedError,
    SlideFile,
    levels_of,
)
from carcinomap.slide.white import on_white
from carcinomap.storage import AnyPath, open_copy

MODES = ("L", "LA", "P", "RGB", "RGBA")  # 8 bits per sample, grey or in colours
# The formats are opened directly and not through Image.open, whose limit on size is one for the
# whole program and below what is read here.
KINDS: dict[bytes, tuple[str, type[ImageFile.ImageFile]]] = {
    b"\x89PNG": ("png", PngImagePlugin.PngImageFile),
    b"\xff\xd8\xff": ("jpeg", JpegImagePlugin.JpegImageFile),
}


class ImageSlide(SlideFile):
    """An image of one level, decoded when it is first read; a camera's rotation is not applied."""

    reader = "image"

    def __init__(self, path: AnyPath, mpp: float | None = None) -> None:
        super().__init__(path, mpp)
        self._copy = open_copy(path, "slide")
        self._pixels: NDArray[np.uint8] | None = None
        self._lock = Lock()
        kind, image = _opened(self._copy.path)
        with image:
            if image.width * image.height > LARGEST_PLAIN:
                raise RefusedError(f"{image.width} × {image.height} pixels are {MAKE_A_PYRAMID}")
            if image.mode not in MODES:
                raise RefusedError(
                    f"an image of kind {image.mode!r}, where 8 bits per sample, grey or "
                    "in colours, were expected"
                )
            self.holds = 3 * image.width * image.height
            self._describe(
                {"openslide.vendor": kind},
                levels_of([(image.width, image.height)]),
            )

    def close(self) -> None:
        """Let go of the pixels."""
        self._pixels = None
        self._copy.close()

    def associated_images(self) -> tuple[str, ...]:
        """Return no names: there are no extra images."""
        return ()

    def _decode(self, level: int, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        with self._lock:
            if self._pixels is None:
                self._pixels = self._decoded()
            pixels = self._pixels
        return pixels[y : y + height, x : x + width].copy()

    def _decoded(self) -> NDArray[np.uint8]:
        try:
            with _opened(self._copy.path)[1] as image:
                if "A" in image.mode or "transparency" in image.info:
                    return on_white(np.array(image.convert("RGBA")))
                return np.array(image.convert("RGB"))
        except Exception as error:  # a damaged image makes decoders fail in any way there is
            raise InputError(f"{self.path}: its pixels cannot be read ({error})") from error


def _opened(path: Path) -> tuple[str, ImageFile.ImageFile]:
    """Open an image and read its head: its kind, and what gives the pixels."""
    with path.open("rb") as file:
        start = file.read(4)
    for magic, (kind, plugin) in KINDS.items():
        if start.startswith(magic):
            try:
                return kind, plugin(path)
            except Exception as error:  # as above
                raise DeclinedError(f"a damaged {kind.upper()} file ({error})") from error
    raise DeclinedError("neither PNG nor JPEG")
