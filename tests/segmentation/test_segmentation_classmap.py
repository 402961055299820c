import json
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import ome_types
import pytest
import rasterio
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.errors import NotGeoreferencedWarning
from segmentation_fakes import CLASSES, blobs, read_all, write_map

from carcinomap.annotation import ClassScheme, TissueClass
from carcinomap.errors import InputError
from carcinomap.segmentation import NOT_MAPPED, ClassMap

VALIDATE = find_spec("lxml") is not None  # against the schema, besides ome-types' own model
LABELS = blobs(900, 1300, seed=8, size=37)
LABELS[300:700, 200:900] = NOT_MAPPED


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_map(tmp_path_factory.mktemp("map") / "memory.ome.tif", LABELS, mpp=0.9)


def test_it_reads_back_as_written(file: Path) -> None:
    with ClassMap.open(file) as class_map:
        assert (class_map.width, class_map.height, class_map.mpp) == (1300, 900, 0.9)
        assert class_map.classes == CLASSES
    np.testing.assert_array_equal(read_all(file), LABELS)


@settings(deadline=None)
@given(st.integers(-400, 1500), st.integers(-400, 1100), st.integers(0, 900), st.integers(0, 900))
def test_any_window_is_the_crop_of_the_whole(
    file: Path, x: int, y: int, width: int, height: int
) -> None:
    padded = np.pad(LABELS, 2000, constant_values=NOT_MAPPED)
    with ClassMap.open(file) as class_map:
        found = class_map.window(x, y, width, height)
    expected = padded[y + 2000 : y + 2000 + height, x + 2000 : x + 2000 + width]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("max_side", [100, 325, 700, 1300, 5000])
def test_the_overview_shows_the_class_in_the_middle_of_each_pixel(
    file: Path, max_side: int
) -> None:
    with ClassMap.open(file) as class_map:
        found = class_map.overview(max_side)
    rows, columns = found.shape
    assert max(found.shape) == min(max_side, 1300)
    assert columns / rows == pytest.approx(1300 / 900, rel=0.02)
    y = ((np.arange(rows) + 0.5) * 900 / rows).astype(int)
    x = ((np.arange(columns) + 0.5) * 1300 / columns).astype(int)
    agree = found == LABELS[np.ix_(y, x)]
    assert agree.mean() > 0.9  # a coarser level is off by less than one of its pixels


def test_other_readers_see_the_same(file: Path) -> None:
    with tifffile.TiffFile(file) as tiff:
        (series,) = tiff.series
        assert tiff.is_ome
        assert series.levels[0].axes == "YX"
        np.testing.assert_array_equal(series.asarray(), LABELS)
        for number, reduced in enumerate(series.levels):
            np.testing.assert_array_equal(reduced.asarray(), LABELS[:: 2**number, :: 2**number])
        assert len(series.levels) == 4
    with pytest.warns(NotGeoreferencedWarning):
        raster = rasterio.open(file)
    with raster:
        assert raster.count == 1
        assert raster.colorinterp[0].name != "palette"
        np.testing.assert_array_equal(raster.read(1), LABELS)


def test_the_metadata_is_valid_ome(file: Path) -> None:
    ome = ome_types.from_tiff(file, validate=VALIDATE)
    pixels = ome.images[0].pixels
    assert ome.images[0].name == "memory"
    assert (pixels.physical_size_x, pixels.physical_size_y) == (0.9, 0.9)
    assert pixels.physical_size_x_unit.value == "µm"
    assert (pixels.size_x, pixels.size_y, pixels.size_c) == (1300, 900, 1)
    (annotation,) = ome.structured_annotations
    written = json.loads(annotation.value["classes"])
    assert ClassScheme.from_dict(written) == CLASSES
    assert ome.images[0].annotation_refs[0].id == annotation.id


def test_the_same_map_gives_the_same_bytes_and_another_another_name(tmp_path: Path) -> None:
    one = write_map(tmp_path / "one.ome.tif", LABELS)
    two = write_map(tmp_path / "two.ome.tif", LABELS)
    changed = LABELS.copy()
    changed[0, 0] ^= 1
    other = write_map(tmp_path / "other.ome.tif", changed)
    assert one.read_bytes() == two.read_bytes()
    names = [ome_types.from_tiff(path).uuid for path in (one, two, other)]
    assert names[0] == names[1] != names[2]


def test_names_of_any_letters_survive(tmp_path: Path) -> None:
    scheme = ClassScheme(
        (TissueClass('gewöhnlich <&"> {0} 組織', "#123456"), TissueClass("µ", "#00ff00", ("m",)))
    )
    path = write_map(tmp_path / "x.ome.tif", LABELS % 2, scheme=scheme)
    with ClassMap.open(path) as class_map:
        assert class_map.classes == scheme
    ome_types.from_tiff(path, validate=VALIDATE)


def test_one_pixel_is_a_map(tmp_path: Path) -> None:
    path = write_map(tmp_path / "x.ome.tif", np.full((1, 1), 2, np.uint8))
    assert read_all(path).tolist() == [[2]]


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    '<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><OME>&b;</OME>'
)


def test_what_is_no_class_map_is_refused(tmp_path: Path) -> None:
    text, empty = tmp_path / "text.ome.tif", tmp_path / "empty.ome.tif"
    text.write_text("not a TIFF")
    empty.write_bytes(b"")
    plain, bomb, colour, ome = (tmp_path / f"{name}.ome.tif" for name in ("a", "b", "c", "d"))
    grey = np.zeros((64, 64), np.uint8)
    tifffile.imwrite(plain, grey, tile=(16, 16))
    tifffile.imwrite(bomb, grey, tile=(16, 16), description=BOMB, metadata=None)
    tifffile.imwrite(colour, np.zeros((64, 64, 3), np.uint8), tile=(16, 16), photometric="rgb")
    tifffile.imwrite(ome, grey, tile=(16, 16), ome=True)
    for path in (text, empty, plain, bomb, colour, ome):
        with pytest.raises(InputError, match="not a class map") as error:
            ClassMap.open(path)
        assert str(path) in str(error.value)
    with pytest.raises(InputError, match="no such"):
        ClassMap.open(tmp_path / "missing.ome.tif")


@pytest.mark.parametrize("size", ["nan", "-1", "0", "1e999"])
def test_a_pixel_size_that_cannot_be_is_refused(file: Path, tmp_path: Path, size: str) -> None:
    with tifffile.TiffFile(file) as tiff:
        xml = tiff.ome_metadata
    assert xml is not None
    changed = tmp_path / "x.ome.tif"
    tifffile.imwrite(
        changed,
        LABELS,
        tile=(256, 256),
        metadata=None,
        description=xml.replace('PhysicalSizeX="0.9"', f'PhysicalSizeX="{size}"').encode(),
    )
    with pytest.raises(InputError, match="pixel size"):
        ClassMap.open(changed)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_damaged_file_is_an_input_error_or_still_readable(
    file: Path, data: st.DataObject
) -> None:
    content = bytearray(file.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    else:
        for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=8)):
            content[place] = data.draw(st.integers(0, 255))
    broken = file.with_name("broken.ome.tif")
    broken.write_bytes(content)
    with suppress(InputError), ClassMap.open(broken) as class_map:
        assert class_map.window(0, 0, 1300, 900).shape == (900, 1300)
