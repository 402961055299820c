"""Slides of any size in seconds, for ``engine.py``.

    python benchmarks/generated_slides.py SLIDE.svs WIDTH HEIGHT [--tissue 0.45]

A slide is a mosaic of blocks of 4096² pixels, each glass or one of a few variants of drawn tissue.
The JPEG tiles of a block are in the file once and are referred to wherever it stands, so that a
slide of 15 gigapixels takes some 20 MB; who reads it has to decode every tile all the same. Levels,
tiles, quality and descriptions are an Aperio scanner's.
"""

import argparse
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import tifffile

from carcinomap.demo.generator import draw_slide

MPP = 0.5
BLOCK, TILE = 4096, 256
DOWNSAMPLES = (1, 4, 16)
QUALITY = 85
GLASS_LEVEL = (243, 242, 244)
VARIANTS = 3
THUMBNAIL = 16  # pixels of a block
TILE_OFFSETS, TILE_BYTE_COUNTS = 324, 325


def slide_of(folder, width, height, tissue=0.45):
    """Return a slide of a size, made where the folder does not have it yet.

    Args:
        folder: Where generated slides are kept.
        width: In pixels of 0.5 µm.
        height: Likewise.
        tissue: Share of the blocks that are tissue; the others are glass.
    """
    path = Path(folder) / f"made-{width}x{height}-{tissue:g}.svs"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".partial")
        write_slide(unfinished, width, height, tissue)
        unfinished.rename(path)
    return path


def write_slide(path, width, height, tissue):
    layout = _layout(-(-height // BLOCK), -(-width // BLOCK), tissue)
    blocks = _blocks()
    pages = [_Page(width // by, height // by, BLOCK // by // TILE, layout) for by in DOWNSAMPLES]
    with tifffile.TiffWriter(path) as tiff:

        def write(data, page_width, page_height, kind, **options):
            size = f"{width}x{height} {kind}"
            tiff.write(
                data,
                shape=(page_height, page_width, 3),
                dtype=np.uint8,
                photometric="ycbcr",
                compression="jpeg",
                subsampling=(2, 2),
                description=f"Aperio Image Library v12.4.0\r\n{size}JPEG/RGB Q={QUALITY}"
                f"|AppMag = 20|MPP = {MPP}",
                metadata=None,
                software=False,
                **options,
            )

        for number, (page, by) in enumerate(zip(pages, DOWNSAMPLES, strict=True)):
            size = f"[0,0 {page.width}x{page.height}] ({TILE}x{TILE}) "
            tiles = page.tiles_once(_encoded(blocks, by))
            write(tiles, page.width, page.height, size, tile=(TILE, TILE))
            if number == 0:  # the second page of an Aperio slide is no level
                image = _thumbnail(layout, blocks)
                rows, columns = image.shape[:2]
                strips = {"rowsperstrip": 16, "compressionargs": {"level": QUALITY}}
                write(image, columns, rows, f"-> {columns}x{rows} - ", **strips)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiled = [page for page in tiff.pages if page.is_tiled]
        for page, made in zip(tiled, pages, strict=True):
            for tag in (TILE_OFFSETS, TILE_BYTE_COUNTS):
                page.tags[tag].overwrite(made.repeated(page.tags[tag].value))


class _Page:
    """One level: which tile of which variant is where."""

    def __init__(self, width, height, per_block, layout):
        self.width, self.height = width, height
        rows, columns = np.mgrid[: -(-height // TILE), : -(-width // TILE)].reshape(2, -1)
        variant = layout[rows // per_block, columns // per_block]
        keys = np.column_stack((variant, rows % per_block, columns % per_block))
        self.keys, self.first, self.which = np.unique(
            keys, axis=0, return_index=True, return_inverse=True
        )

    def tiles_once(self, encoded):
        """Yield each different tile where it is met first, and nothing where it is met again."""
        first = dict(zip(self.first.tolist(), self.keys.tolist(), strict=True))
        for number in range(len(self.which)):
            yield encoded(*first[number]) if number in first else b""

    def repeated(self, values):
        """Return what a tag says of the tiles that are there, for all tiles."""
        return np.array(values)[self.first][self.which.reshape(-1)].tolist()


def _layout(rows, columns, tissue):
    """Return the variant of each block, 0 for glass; tissue comes in large pieces."""
    random = np.random.default_rng(0)
    field = cv2.GaussianBlur(random.normal(size=(rows, columns)), (0, 0), 1.5)
    chosen = np.argsort(field, axis=None)[: round(tissue * field.size)]
    layout = np.zeros(field.size, int)
    layout[chosen] = random.integers(1, VARIANTS + 1, len(chosen))
    return layout.reshape(rows, columns)


def _blocks():
    """Return glass and the variants of tissue, each uint8 (BLOCK, BLOCK, 3)."""
    random = np.random.default_rng(0)
    noise = random.normal(0, 1, (BLOCK, BLOCK, 1))
    glass = np.clip(GLASS_LEVEL + noise, 0, 255).astype(np.uint8)
    image, _ = draw_slide(1, (BLOCK, BLOCK), MPP)
    quarter = BLOCK // 2
    inside = image[quarter // 2 :, quarter // 2 :][:quarter, :quarter]  # away from the glass
    above = np.concatenate((inside, inside[:, ::-1]), axis=1)
    tissue = np.concatenate((above, above[::-1]))
    steps = [BLOCK * number // VARIANTS for number in range(VARIANTS)]
    return [glass, *(np.roll(tissue, (step, step // 2), axis=(0, 1)) for step in steps)]


def _encoded(blocks, by):
    size = (BLOCK // by, BLOCK // by)
    smaller = [cv2.resize(block, size, interpolation=cv2.INTER_AREA) for block in blocks]

    def tile(variant, row, column):
        pixels = smaller[variant][row * TILE :, column * TILE :][:TILE, :TILE]
        return imagecodecs.jpeg8_encode(
            np.ascontiguousarray(pixels),
            level=QUALITY,
            colorspace="RGB",
            outcolorspace="YCBCR",
            subsampling="420",
        )

    return tile


def _thumbnail(layout, blocks):
    size = (THUMBNAIL, THUMBNAIL)
    small = np.array([cv2.resize(block, size, interpolation=cv2.INTER_AREA) for block in blocks])
    rows, columns = layout.shape
    mosaic = small[layout].swapaxes(1, 2)
    return mosaic.reshape(rows * THUMBNAIL, columns * THUMBNAIL, 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slide", type=Path)
    parser.add_argument("width", type=int)
    parser.add_argument("height", type=int)
    parser.add_argument("--tissue", type=float, default=0.45)
    options = parser.parse_args()
    write_slide(options.slide, options.width, options.height, options.tissue)


if __name__ == "__main__":
    main()
