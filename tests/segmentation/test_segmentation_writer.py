"""What readers other than ours find in a class map."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import ome_types
import pytest
import pyvips
import tifffile
from segmentation_fakes import CLASSES, blobs, read_all, write_map

from carcinomap.segmentation import NOT_MAPPED
from carcinomap.segmentation.mapping.plan import CELL
from carcinomap.segmentation.results import writer
from carcinomap.segmentation.results.pyramid import level_sizes

VALIDATE = find_spec("lxml") is not None  # against the schema, besides ome-types' own model
MPP = 0.9
LABELS = blobs(900, 1301, seed=8, size=37)
LABELS[300:700, 200:900] = NOT_MAPPED
SIZES = level_sizes(1301, 900)
MICRONS_PER_MM, MICRONS_PER_CM = 1000, 10_000


@pytest.fixture(scope="module", params=["classic", "big"])
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("map") / f"{request.param}.ome.tif"
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "big":
            patch.setattr(writer, "BIG", 0)
        write_map(path, LABELS, mpp=MPP)
    return path


def test_it_is_a_big_tiff_only_where_it_must_be(file: Path) -> None:
    with tifffile.TiffFile(file) as tiff:
        assert tiff.is_bigtiff == (file.name == "big.ome.tif")


def test_both_kinds_of_tiff_hold_the_same_map(file: Path) -> None:
    np.testing.assert_array_equal(read_all(file), LABELS)


def test_libvips_sees_the_same_labels_in_every_level(file: Path) -> None:
    image = pyvips.Image.new_from_file(str(file))
    assert image.get("n-subifds") == len(SIZES) - 1
    for level, size in enumerate(SIZES):
        image = pyvips.Image.new_from_file(str(file), subifd=level - 1)
        assert (image.width, image.height) == size
        assert (image.bands, image.format, image.interpretation) == (1, "uchar", "b-w")
        assert (image.get("tile-width"), image.get("tile-height")) == (CELL, CELL)
        assert image.xres == image.yres == pytest.approx(MICRONS_PER_MM / MPP / 2**level)
        np.testing.assert_array_equal(image.numpy(), LABELS[:: 2**level, :: 2**level])


def test_tifffile_sees_one_pyramid_of_tiles(file: Path) -> None:
    with tifffile.TiffFile(file) as tiff:
        (page,) = tiff.pages
        levels = [page, *page.pages]
        assert len(levels) == len(SIZES)
        for number, (level, (width, height)) in enumerate(zip(levels, SIZES, strict=True)):
            assert level.shape == (height, width)
            assert level.tile == (CELL, CELL)
            assert level.is_reduced == (number > 0)
            assert level.photometric == tifffile.PHOTOMETRIC.MINISBLACK  # no palette to expand
            assert level.resolutionunit == tifffile.RESUNIT.CENTIMETER
            assert level.resolution[0] == pytest.approx(MICRONS_PER_CM / MPP / 2**number)
            np.testing.assert_array_equal(level.asarray(), LABELS[:: 2**number, :: 2**number])


def test_the_ome_xml_holds_to_the_schema(file: Path) -> None:
    (image,) = ome_types.from_tiff(file, validate=VALIDATE).images
    pixels = image.pixels
    assert (pixels.size_x, pixels.size_y) == SIZES[0]
    assert (pixels.size_c, pixels.size_z, pixels.size_t) == (1, 1, 1)
    assert pixels.type.value == "uint8"
    assert (pixels.physical_size_x, pixels.physical_size_x_unit.value) == (MPP, "µm")
    assert (pixels.physical_size_y, pixels.physical_size_y_unit.value) == (MPP, "µm")
    (channel,) = pixels.channels
    assert (channel.name, channel.samples_per_pixel) == ("class", 1)
    (plane,) = pixels.tiff_data_blocks  # the levels are no planes of their own
    assert (plane.ifd, plane.plane_count) == (0, 1)


def test_no_reader_changes_any_index(tmp_path: Path) -> None:
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    path = write_map(tmp_path / "all.ome.tif", labels, scheme=CLASSES)
    np.testing.assert_array_equal(pyvips.Image.new_from_file(str(path)).numpy(), labels)
    np.testing.assert_array_equal(tifffile.imread(path), labels)


def test_where_nothing_is_mapped_a_tile_is_a_few_bytes(tmp_path: Path) -> None:
    labels = np.full((20 * CELL, 20 * CELL), NOT_MAPPED, np.uint8)
    labels[0, 0] = 1
    path = write_map(tmp_path / "empty.ome.tif", labels)
    assert path.stat().st_size < 100_000
    np.testing.assert_array_equal(pyvips.Image.new_from_file(str(path)).numpy(), labels)
