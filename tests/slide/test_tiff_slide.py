import pickle
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import imagecodecs
import numpy as np
import openslide
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from slide_files import reduced, smooth_noise, write_slide, write_tiff

from carcinomap.errors import InputError
from carcinomap.slide import open_slide
from carcinomap.slide.readers import tiff_slide as module
from carcinomap.slide.readers.openslide_slide import OpenSlideSlide
from carcinomap.slide.readers.reader import DeclinedError
from carcinomap.slide.readers.tiff_codec import APERIO_RGB, APERIO_YCBCR, Colour, TileCodec
from carcinomap.slide.readers.tiff_structure import read_structure
from carcinomap.storage import open_bytes

APERIO_PROPERTIES = ("openslide.vendor", "openslide.objective-power", "tiff.ImageDescription")


@pytest.fixture(scope="module")
def image():
    return cv2.GaussianBlur(smooth_noise(700, 900), (0, 0), 3)


def difference(path, level=0, mpp=None):
    """Return the mean absolute difference to what OpenSlide reads, where both have pixels."""
    with open_slide(path, mpp) as ours, OpenSlideSlide(path, mpp) as theirs:
        assert (ours.reader, theirs.reader) == ("tiff", "openslide")
        size = ours.levels[level]
        read = [slide._decode(level, 0, 0, size.width, size.height) for slide in (ours, theirs)]
    return np.abs(read[0].astype(int) - read[1]).mean()


def assert_same_description(path, mpp=None):
    with open_slide(path, mpp) as ours, OpenSlideSlide(path, mpp) as theirs:
        assert ours.reader == "tiff"
        assert (ours.levels, ours.mpp, ours.vendor) == (theirs.levels, theirs.mpp, theirs.vendor)
        assert ours.associated_images() == theirs.associated_images()
        aperio = {key for key in theirs.properties if key.startswith("aperio.")}
        for key in aperio.union(APERIO_PROPERTIES):
            assert ours.properties.get(key) == theirs.properties.get(key)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "jpeg"},
        {"compression": "jpeg", "subsampling": (1, 1)},
        {"compression": "jpeg", "compressionargs": {"outcolorspace": "rgb"}},
        {"compression": "aperio_jp2000_rgb"},
        {"compression": "adobe_deflate"},
    ],
    ids=["subsampled JPEG", "JPEG", "JPEG in RGB", "JPEG 2000", "deflate"],
)
def test_aperio_agrees_with_openslide(tmp_path, image, options):
    path = write_slide(tmp_path / "made.svs", image, levels=(2, 4), **options)
    assert_same_description(path)
    assert [difference(path, level) for level in range(3)] == [0, 0, 0]


def test_aperio_jpeg_2000_in_ycbcr(tmp_path, image):
    stored = np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)[:, :, [0, 2, 1]])
    path = write_slide(tmp_path / "made.svs", stored, compression="aperio_jp2000_ycbc")
    assert difference(path) < 0.1
    with open_slide(path) as slide:
        assert np.abs(slide.read(0, 0, 900, 700, 0.5).astype(int) - image).max() <= 3


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "zlib", "predictor": True},
        {"compression": "lzw"},
        {"compression": "lzw", "predictor": True},
        {"compression": "zstd"},
        {"compression": "packbits"},
        {"compression": "jpeg"},
        {"compression": None},
        {"bigtiff": True},
    ],
    ids=str,
)
def test_plain_pyramid_agrees_with_openslide(tmp_path, image, options):
    path = write_tiff(tmp_path / "made.tif", image, reduced(image, 2), **options)
    with open_slide(path, 0.5) as slide:
        assert [level.downsample for level in slide.levels] == [1, 2]
        assert slide.vendor == "generic-tiff"
    assert [difference(path, level, 0.5) for level in range(2)] == [0, 0]


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "jpeg2000"},
        {"compression": "webp"},
        {"tile": None, "rowsperstrip": 100},
        {"tile": None, "rowsperstrip": 64, "compression": "jpeg"},
        {"tile": None, "compression": None},
    ],
    ids=str,
)
def test_what_openslide_does_not_read(tmp_path, image, options):
    path = write_tiff(tmp_path / "made.tif", image, **options)
    with pytest.raises(openslide.OpenSlideError):
        openslide.OpenSlide(path).read_region((0, 0), 0, (9, 9))
    with open_slide(path, 0.5) as slide:
        read = slide.read(0, 0, 900, 700, 0.5)
        assert np.abs(read.astype(int) - image).mean() < (3 if "jpeg" in str(options) else 0.01)
        np.testing.assert_array_equal(slide.read(500, 400, 300, 200, 0.5), read[400:600, 500:800])


def test_pyramid_below_the_first_page(tmp_path, image):
    path = tmp_path / "made.tif"
    options = {"photometric": "rgb", "tile": (256, 256), "metadata": None}
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(image, subifds=2, **options)
        tiff.write(reduced(image, 2), subfiletype=1, **options)
        tiff.write(reduced(image, 2)[:100], subfiletype=1, **options)  # of another shape: no level
    with open_slide(path, 0.5) as slide:
        assert [level.downsample for level in slide.levels] == [1, 2]
        np.testing.assert_array_equal(slide.read(0, 0, 450, 350, 1.0), reduced(image, 2))


@pytest.mark.parametrize(
    ("photometric", "expected"),
    [("minisblack", lambda grey: grey), ("miniswhite", lambda grey: 255 - grey)],
)
def test_grey(tmp_path, image, photometric, expected):
    path = write_tiff(tmp_path / "grey.tif", image[:, :, 0], photometric=photometric)
    assert difference(path, mpp=0.5) == 0
    with open_slide(path, 0.5) as slide:
        read = slide.read(0, 0, 900, 700, 0.5)
    np.testing.assert_array_equal(read, np.repeat(expected(image[:, :, :1]), 3, axis=2))


@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
def test_white_lies_under_transparency(tmp_path, image, kind):
    opacity = np.full(image.shape[:2], 255, np.uint8)
    opacity[:300, :300], opacity[300:600, :300] = 0, 100
    colours = image
    if kind == "assocalpha":
        colours = (image.astype(int) * opacity[:, :, None] // 255).astype(np.uint8)
    path = write_tiff(tmp_path / "clear.tif", np.dstack([colours, opacity]), extrasamples=[kind])
    assert difference(path, mpp=0.5) < 1
    with open_slide(path, 0.5) as slide:
        read = slide.read(0, 0, 900, 700, 0.5).astype(int)
    assert (read[:300, :300] == 255).all()
    mixed = image[300:600, :300] * (100 / 255) + 255 * (155 / 255)
    assert np.abs(read[300:600, :300] - mixed).max() <= 1.5
    np.testing.assert_array_equal(read[:, 300:], image[:, 300:])


@pytest.mark.parametrize(
    "options",
    [
        {"planarconfig": "separate"},
        {"photometric": "palette", "colormap": np.zeros((3, 256), np.uint16)},
        {"sixteen": True},
    ],
    ids=str,
)
def test_rare_arrangements_are_left_to_openslide(tmp_path, image, options):
    options = dict(options)
    if options.get("photometric") == "palette":
        image = image[:, :, 0]
    elif options.pop("sixteen", False):
        image = image.astype(np.uint16) * 257
    else:
        image = image.transpose(2, 0, 1)
    with open_slide(write_tiff(tmp_path / "rare.tif", image, **options), 0.5) as slide:
        assert slide.reader == "openslide"


def test_missing_tiles_are_white(tmp_path, image):
    path = write_tiff(tmp_path / "sparse.tif", image, compression=None)
    forget_tile(path, 0)
    with open_slide(path, 0.5) as slide:
        assert slide.reader == "tiff"
        read = slide.read(0, 0, 900, 700, 0.5)
    assert (read[:256, :256] == 255).all()
    np.testing.assert_array_equal(read[256:], image[256:])


def test_missing_tiles_of_aperio_are_openslides_to_draw(tmp_path, image):
    path = write_slide(tmp_path / "sparse.svs", image)
    forget_tile(path, 0)
    with open_slide(path) as slide:
        assert slide.reader == "openslide"


def forget_tile(path, index):
    """Set a tile's size on the first page to 0."""
    rewrite(path, "TileByteCounts", lambda counts: (*counts[:index], 0, *counts[index + 1 :]))


def rewrite(path, tag, change):
    with tifffile.TiffFile(path, mode="r+") as tiff:
        found = tiff.pages[0].tags[tag]
        found.overwrite(change(found.value))


@pytest.fixture(scope="module")
def jpeg_slide(tmp_path_factory, image):
    path = tmp_path_factory.mktemp("jpeg") / "made.svs"
    return write_slide(path, image, levels=(2, 4), compression="jpeg")


@settings(max_examples=40, deadline=None)
@given(
    mpp=st.floats(0.3, 6),
    x=st.floats(-100, 900),
    y=st.floats(-100, 700),
    column=st.integers(0, 20),
    row=st.integers(0, 20),
)
def test_window_equals_crop_of_larger_read(jpeg_slide, mpp, x, y, column, row):
    with open_slide(jpeg_slide) as slide:
        assert slide.reader == "tiff"
        step = mpp / slide.mpp
        whole = slide.read(x, y, 50, 50, mpp)
        part = slide.read(x + column * step, y + row * step, 30, 25, mpp)
    np.testing.assert_array_equal(part, whole[row : row + 25, column : column + 30])


def test_threads_read_the_same_through_a_small_cache(jpeg_slide, monkeypatch):
    monkeypatch.setattr(module, "CACHE_BYTES", 3 * 256 * 256 * 3)
    windows = [
        (x, y, mpp) for x in range(0, 900, 90) for y in range(0, 700, 70) for mpp in (0.5, 1.3)
    ]
    with open_slide(jpeg_slide) as slide, ThreadPoolExecutor(16) as pool:
        alone = [slide.read(x, y, 100, 100, mpp) for x, y, mpp in windows]
        together = pool.map(lambda at: slide.read(*at[:2], 100, 100, at[2]), windows)
        for one, other in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one, other)
        assert slide._cache.held <= module.CACHE_BYTES


def test_travels_to_another_process(jpeg_slide):
    with open_slide(jpeg_slide) as slide, pickle.loads(pickle.dumps(slide)) as copy:  # noqa: S301
        assert (copy.reader, copy.mpp_source) == ("tiff", "vendor")
        np.testing.assert_array_equal(copy.read(0, 0, 9, 9, 0.5), slide.read(0, 0, 9, 9, 0.5))


def test_closed_slide_is_an_error(jpeg_slide):
    slide = open_slide(jpeg_slide)
    slide.close()
    with pytest.raises(InputError, match="cannot be read"):
        slide.read(0, 0, 9, 9, 0.5)


def test_generated_aperio_slide(made_slides):
    for path in sorted(made_slides.glob("*.svs")):
        assert_same_description(path)
        assert difference(path) == 0


@pytest.mark.parametrize(
    ("name", "mpp"),
    [
        ("slides/cmu-1-small-region.svs", None),
        ("slides/tcga-cr-7395.svs", 0.25),
        ("glas/train_1.svs", None),
    ],
)
def test_real_slide(real_data, name, mpp):
    assert_same_description(real_data / name, mpp)
    assert difference(real_data / name, mpp=mpp) <= 1


def test_real_large_slide(real_data):
    path = real_data / "bach" / "A03_dev.svs"
    assert_same_description(path)
    with open_slide(path) as ours, OpenSlideSlide(path) as theirs:
        for level, x, y in ((0, 7000, 9001), (1, 2100, 3000), (2, 700, 900)):
            read = [slide._decode(level, x, y, 700, 600) for slide in (ours, theirs)]
            assert read[1].std() > 20
            assert np.abs(read[0].astype(int) - read[1]).mean() <= 1


@pytest.mark.parametrize("compression", ["jpeg", "aperio_jp2000_rgb", "adobe_deflate"])
def test_damaged_tile_names_the_file(tmp_path, image, compression):
    path = write_slide(tmp_path / "damaged.svs", image, compression=compression)
    with tifffile.TiffFile(path) as tiff:
        offset, count = (
            tags[5] for tags in (tiff.pages[0].dataoffsets, tiff.pages[0].databytecounts)
        )
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(bytes(count))
    with open_slide(path) as slide:
        assert slide.reader == "tiff"
        slide.read(0, 0, 256, 256, 0.5)
        with pytest.raises(InputError, match=r"damaged\.svs: its pixels cannot be read \(tile 5"):
            slide.read(0, 0, 900, 700, 0.5)


def test_tile_beyond_the_file(tmp_path, image):
    path = write_tiff(tmp_path / "short.tif", image)
    rewrite(path, "TileOffsets", lambda offsets: (*offsets[:-1], 1 << 31))
    with open_slide(path, 0.5) as slide, pytest.raises(InputError, match="beyond the end"):
        slide.read(0, 0, 900, 700, 0.5)


def test_tile_that_claims_too_much(tmp_path, image):
    path = write_tiff(tmp_path / "long.tif", image)
    rewrite(path, "TileByteCounts", lambda counts: (*counts[:-1], 1 << 24))
    with path.open("r+b") as file:
        file.truncate(1 << 26)
    with open_slide(path, 0.5) as slide, pytest.raises(InputError, match="claims 16777216 bytes"):
        slide.read(0, 0, 900, 700, 0.5)


@pytest.mark.parametrize("size", [(1 << 20, 1 << 20), (1, 1)])
def test_jpeg_2000_of_another_size_is_not_decoded(image, size):
    codec = TileCodec(APERIO_RGB, Colour.RGB, 256, 256)
    data = bytearray(imagecodecs.jpeg2k_encode(image[:256, :256], codecformat="j2k"))
    struct.pack_into(">2I", data, 8, *size)
    with pytest.raises(ValueError, match="another size"):
        codec.decode(bytes(data))


def test_subsampled_jpeg_2000_is_not_taken_for_colours(image):
    codec = TileCodec(APERIO_YCBCR, Colour.YCBCR, 256, 256)
    data = bytearray(imagecodecs.jpeg2k_encode(image[:256, :256], codecformat="j2k"))
    codec.decode(bytes(data))
    data[46] = 2  # step across of the second sample
    with pytest.raises(ValueError, match="subsampled"):
        codec.decode(bytes(data))


@pytest.mark.parametrize("compression", ["jpeg", "webp", "zlib", "lzw", "zstd", None])
def test_smaller_tile_than_claimed_is_an_error(tmp_path, image, compression):
    path = write_tiff(
        tmp_path / "small.tif", image[:200, :200], compression=compression, tile=(64, 64)
    )
    with open_slide(path, 0.5) as slide:
        stored = slide._images[0]
        data = path.read_bytes()[int(stored.offsets[0]) :][: int(stored.counts[0])]
        stored.codec.decode(data)
        with pytest.raises((ValueError, RuntimeError)):
            replace(stored.codec, width=128).decode(data)


def entry(tag, kind, count, value):
    return struct.pack("<HHII", tag, kind, count, value)


def hostile(entries, following=0, rest=b""):
    """Return a TIFF of one page, whose next page is at ``following``."""
    head = struct.pack("<2sHI", b"II", 42, 8)
    return (
        head
        + struct.pack("<H", len(entries))
        + b"".join(entries)
        + struct.pack("<I", following)
        + rest
    )


def page(width=512, height=512, tile=256, where=0, tiles=4):
    return [
        entry(254, 4, 1, 0),
        entry(256, 4, 1, width),
        entry(257, 4, 1, height),
        entry(258, 3, 1, 8),
        entry(259, 3, 1, 1),
        entry(262, 3, 1, 1),
        entry(277, 3, 1, 1),
        entry(322, 4, 1, tile),
        entry(323, 4, 1, tile),
        entry(324, 4, tiles, where),
        entry(325, 4, tiles, where),
    ]


HOSTILE = {
    "a thousand million tiles": hostile(page(where=200, tiles=1_000_000_000), rest=bytes(400)),
    "huge": hostile(page(width=2**31, height=2**31, where=200), rest=bytes(400)),
    "tiles of no size": hostile(page(tile=0, where=200), rest=bytes(400)),
    "no width": hostile(page(width=0, where=200), rest=bytes(400)),
    "in circles": hostile(page(where=200), following=8, rest=bytes(400)),
    "tables beyond the file": hostile(page(where=2**31)),
    "cut off": hostile(page())[:60],
    "head alone": b"II*\0",
    "too many tags": b"II*\0\x08\0\0\0\xff\xff",
    "BigTIFF of nothing": b"II+\0\x08\0\0\0" + b"\xff" * 40,
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_tiff_is_an_error(tmp_path, content):
    path = tmp_path / "hostile.tif"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"hostile\.tif: not a slide that can be read \(tiff: "):
        open_slide(path, 0.5)


def test_tile_too_large_to_hold(tmp_path):
    path = tmp_path / "hostile.tif"
    path.write_bytes(hostile(page(tile=2**31, where=200), rest=bytes(400)))
    with pytest.raises(InputError, match=r"hostile\.tif: tiles of .* are too large"):
        open_slide(path, 0.5)


def test_tiff_with_no_tile_at_all_is_white(tmp_path):
    path = tmp_path / "empty.tif"
    path.write_bytes(hostile(page(where=200), rest=bytes(400)))
    with open_slide(path, 0.5) as slide:
        assert (slide.read(0, 0, 512, 512, 0.5) == 255).all()


def test_large_table_that_many_pages_share(tmp_path, monkeypatch):
    monkeypatch.setattr("carcinomap.slide.readers.tiff_structure.MOST_TILES", 7)
    path = tmp_path / "shared.tif"
    second = 8 + 2 + 12 * 11 + 4
    first = hostile(page(where=400), following=second)
    path.write_bytes(first + hostile(page(where=400), rest=bytes(400))[8:])
    with pytest.raises(DeclinedError, match="7 tiles"):
        read_structure(open_bytes(path))


def test_more_pages_than_any_slide(tmp_path, monkeypatch, image):
    monkeypatch.setattr("carcinomap.slide.readers.tiff_structure.MOST_PAGES", 2)
    path = write_tiff(tmp_path / "many.tif", *[image[:256, :256]] * 4)
    with open_slide(path, 0.5) as slide:
        assert slide.reader == "openslide"


def test_more_pixels_than_a_scanner_makes(tmp_path, monkeypatch, image):
    monkeypatch.setattr("carcinomap.slide.readers.reader.MOST_PIXELS", 600_000)
    with pytest.raises(InputError, match=r"huge\.tif.*900 × 700 pixels are more"):
        open_slide(write_tiff(tmp_path / "huge.tif", image), 0.5)


def test_large_image_without_tiles_asks_for_a_pyramid(tmp_path, monkeypatch, image):
    monkeypatch.setattr("carcinomap.slide.readers.tiff_page.LARGEST_PLAIN", 100_000)
    path = write_tiff(tmp_path / "large.tif", image, tile=None)
    with pytest.raises(InputError, match=r"large\.tif.*900 × 700 pixels.*--pyramid"):
        open_slide(path, 0.5)


def test_what_only_calls_itself_aperio_is_a_plain_image(tmp_path, image):
    path = write_slide(tmp_path / "strips.svs", image, levels=(), tile=None)
    with open_slide(path, 0.5) as slide:
        assert (slide.reader, slide.vendor) == ("tiff", "generic-tiff")
        np.testing.assert_array_equal(slide.read(0, 0, 900, 700, 0.5), image)
