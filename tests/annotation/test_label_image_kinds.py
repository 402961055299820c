"""Which files are label images, and which are not."""

import zlib
from dataclasses import replace

import cv2
import numpy as np
import pytest
import rasterio
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from label_images import SCHEME, blocky, write_png, write_tiff

from carcinomap.annotation import LabelImage, read_annotations
from carcinomap.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged")


IMAGE = blocky(np.random.default_rng(3), (70, 90), [0, 1, 2, 3, 9])


@pytest.mark.parametrize(
    ("side", "options"),
    [
        (16, {}),
        (64, {"compression": None}),
        (None, {"compression": None}),
        (None, {"compression": None, "rowsperstrip": 1}),
        (None, {"rowsperstrip": 7000}),
        (32, {"compression": "lzw", "predictor": 2}),
        (32, {"compression": "zstd"}),
        (None, {"compression": "packbits"}),
        (32, {"byteorder": ">", "bigtiff": True}),
        (32, {"photometric": "miniswhite"}),
        (32, {"photometric": "palette", "colormap": np.zeros((3, 256), np.uint16)}),
        (32, {"metadata": {"axes": "YX"}, "ome": True}),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
def test_tiffs_of_all_kinds_are_read(tmp_path, side, options, dtype):
    options = dict(options)
    if options.get("photometric") == "palette":
        dtype = np.uint8  # palettes have bytes
    name = "a.ome.tif" if options.pop("ome", False) else "a.tif"
    found = LabelImage.open(write_tiff(tmp_path / name, IMAGE.astype(dtype), side, **options))
    np.testing.assert_array_equal(found.window(0, 0, 90, 70), IMAGE)
    np.testing.assert_array_equal(found.window(50, 20, 31, 33), IMAGE[20:53, 50:81])


def test_one_bit_and_four_bits_are_whole_numbers(tmp_path):
    bits = IMAGE > 1
    tifffile.imwrite(tmp_path / "a.tif", bits, photometric="minisblack", tile=(16, 16))
    assert (LabelImage.open(tmp_path / "a.tif").window(0, 0, 90, 70) == bits).all()
    tifffile.imwrite(tmp_path / "b.tif", IMAGE % 4, bitspersample=4, photometric="minisblack")
    assert (LabelImage.open(tmp_path / "b.tif").window(0, 0, 90, 70) == IMAGE % 4).all()
    for name, kind in (("c.png", 1), ("d.png", 2)):
        profile = {"driver": "PNG", "height": 70, "width": 90, "count": 1, "dtype": "uint8"}
        with rasterio.open(tmp_path / name, "w", nbits=kind, **profile) as image:
            image.write(IMAGE % 2**kind, 1)
        found = LabelImage.open(tmp_path / name)
        assert (found.window(0, 0, 90, 70) == IMAGE % 2**kind).all()


def test_a_palette_gives_its_indices_and_grey_stored_as_colours_its_grey(tmp_path):
    profile = {"driver": "PNG", "height": 70, "width": 90, "dtype": "uint8"}
    with rasterio.open(tmp_path / "a.png", "w", count=1, **profile) as image:
        image.write(IMAGE, 1)
        image.write_colormap(1, {value: (255 - value, 7, value, 255) for value in range(16)})
    grey = write_png(tmp_path / "b.png", np.repeat(IMAGE[..., None], 3, axis=2))
    opaque = np.dstack([IMAGE, IMAGE, IMAGE, np.full_like(IMAGE, 255)])
    tiff = write_tiff(tmp_path / "c.tif", opaque, photometric="rgb", extrasamples=["unassalpha"])
    for path in (tmp_path / "a.png", grey, write_png(tmp_path / "d.png", opaque), tiff):
        assert (LabelImage.open(path).window(0, 0, 90, 70) == IMAGE).all()
    deep = write_png(tmp_path / "e.png", IMAGE.astype(np.uint16))
    assert (LabelImage.open(deep).window(0, 0, 90, 70) == IMAGE).all()


def test_tiles_left_out_are_zero(tmp_path):
    profile = {"driver": "GTiff", "height": 128, "width": 128, "count": 1, "dtype": "uint8"}
    with rasterio.open(
        tmp_path / "a.tif", "w", tiled=True, blockxsize=32, blockysize=32, sparse_ok=True, **profile
    ) as image:
        image.write(np.full((32, 32), 3, np.uint8), 1, window=((32, 64), (32, 64)))
    found = LabelImage.open(tmp_path / "a.tif")
    assert found.counts == {0: 128**2 - 32**2, 3: 32**2}


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (IMAGE.astype(np.float32), {}, "no whole numbers"),
        (np.dstack([IMAGE, IMAGE + 1, IMAGE]), {"photometric": "rgb"}, "it has colours"),
        (np.stack([IMAGE] * 3), {"photometric": "rgb", "planarconfig": "separate"}, "channels"),
        (np.stack([IMAGE] * 3), {}, "several images of one size"),
        (IMAGE.astype(np.uint16) + 250, {}, "pixel value 25"),
        (IMAGE.astype(np.int16) - 5, {}, "pixel value -5"),
        (IMAGE, {"compression": "jpeg"}, "JPEG compression"),
    ],
)
@pytest.mark.parametrize("side", [32, None])
def test_what_is_no_label_image_is_refused(tmp_path, image, options, message, side):
    path = write_tiff(tmp_path / "a.tif", image, side, **options)
    with pytest.raises(InputError, match=message) as told:
        LabelImage.open(path).check(SCHEME)
    assert "a.tif" in str(told.value)


def test_colours_in_a_png_are_no_values(tmp_path):
    path = write_png(tmp_path / "a.png", np.dstack([IMAGE, IMAGE, IMAGE + 1]))
    with pytest.raises(InputError, match=r"a\.png: no label image: it has colours"):
        LabelImage.open(path)


def png_of(width: int, height: int, interlaced: int = 0) -> bytes:
    """Return the bytes of a PNG of zeros with another size in its header."""
    data = bytearray(cv2.imencode(".png", np.zeros((8, 8), np.uint8))[1].tobytes())
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0, 0, 0, interlaced])
    data[16:29] = header
    data[29:33] = zlib.crc32(b"IHDR" + header).to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((100_000, 100_000, 0), "tiled TIFF"),
        ((900_000, 1, 0), "tiled TIFF"),
        ((1, 2_000_000_000, 0), "cannot be read"),
        ((2_000_000_000, 1, 0), "cannot be read"),
        ((40_000, 40_000, 1), "interlaced"),
    ],
)
def test_a_png_bomb_is_refused_before_it_is_decoded(tmp_path, size, message):
    (tmp_path / "a.png").write_bytes(png_of(*size))
    with pytest.raises(InputError, match=message):
        LabelImage.open(tmp_path / "a.png")


def test_pieces_too_large_are_refused_before_they_are_decoded(tmp_path):
    path = write_tiff(tmp_path / "a.tif", IMAGE, 32)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        for name in ("ImageWidth", "ImageLength", "TileWidth", "TileLength"):
            tiff.pages[0].tags[name].overwrite(60_000, dtype="I")
        for name in ("TileOffsets", "TileByteCounts"):
            tiff.pages[0].tags[name].overwrite(8)
    with pytest.raises(InputError, match="too large to read"):
        LabelImage.open(path)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "s.tif"])
def test_a_truncated_file_is_an_error(tmp_path, name):
    path = tmp_path / name
    if name.endswith("png"):
        write_png(path, IMAGE)
    else:
        write_tiff(path, IMAGE, 32 if name == "a.tif" else None)
    data = path.read_bytes()
    for share in (0.05, 0.3, 0.6, 0.9):
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(InputError, match=name):
            LabelImage.open(path).check(replace(SCHEME, unknown="ignore"))


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=6))
def test_a_damaged_file_never_breaks_the_reader(folder, kind, changes):
    path = folder / f"damaged{kind}"
    if kind == 0:
        write_png(path, IMAGE)
    else:
        write_tiff(path, IMAGE, 32 if kind == 1 else None, description="x" * 50)
    data = bytearray(path.read_bytes())
    for place, byte in changes:
        data[int(place**3 * (len(data) - 1))] = byte  # often in the header
    path.write_bytes(data)
    scheme = replace(SCHEME, unknown="ignore")
    try:
        found = LabelImage.open(path)
        if found.width * found.height < 10_000_000:
            found.areas(scheme)
            found.label_image(-5, -5, 60, 60, 2, scheme)
    except InputError as error:
        assert str(path) in str(error)  # noqa: PT017 - nothing need be wrong


def test_both_formats_are_known_by_their_content(tmp_path):
    path = write_png(tmp_path / "mask.tif", IMAGE)  # whatever it is called
    assert isinstance(read_annotations(path), LabelImage)
